// Package postgres runs a private Postgres for a laptop, a demo or a test: found on the machine or fetched into the
// user's cache, reachable through a socket that only this user can open, and gone when it is stopped.
//
// Production has a Postgres of its own, named by DATABASE_URL; none of this is used then.
package postgres
