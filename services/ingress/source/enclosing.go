package source

// Enclosing is a source whose signature stands in the body: what is sent is not what it tells, but that in an envelope.
type Enclosing interface {
	// Enclose makes the body that the provider would send; Sign then makes its headers.
	Enclose(body []byte, s Signing) ([]byte, error)
}
