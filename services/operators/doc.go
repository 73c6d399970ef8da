// Package operators lets people run orderctl's commands from where they sit, without a login at the database or the
// broker: over HTTP, with a token that says who they are and what they may do.
//
//	role.go       viewer, operator, admin
//	accounts.go   who may log in: the table operators.accounts
//	password.go   bcrypt, and what a password has to be
//	token.go      JWTs: made, and held against the keys and the table
//	keys.go       the keys that sign, read again while it runs
//	attempts.go   how often somebody may try
//	api.go        what goes over the wire
//	login.go, commands.go, service.go  the server
//
// What a command is and which role it needs is orderctl's to say: it is handed in as a [Runner].
package operators
