package fraud

// Config is what an operator can set about risk.
type Config struct {
	HoldAbove   float64 `env:"FRAUD_HOLD_ABOVE" envDefault:"0.8" desc:"Orders whose risk is above this score (0 to 1) wait for a person."`
	RejectAbove float64 `env:"FRAUD_REJECT_ABOVE" envDefault:"1" desc:"Orders whose risk is above this score (0 to 1) are cancelled; 1 means never."`
}
