// Package fraud gives every order one score between 0 and 1, made of four factors that anybody can check by hand:
// velocity, geography, payment and behaviour.
//
// What is known of the order is read once (signals.go), scored by plain rules (rules.go) and stored together with the
// score in OrderScored, so that a score can always be explained and a replay cannot change it. An order is scored when
// it is placed and money for it has been heard of; what is told after that can make the verdict worse until the parcel
// has left, never better. Above FRAUD_HOLD_ABOVE the verdict is a review, which a person decides with a command.
package fraud
