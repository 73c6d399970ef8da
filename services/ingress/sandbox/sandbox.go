// Package sandbox reads the tracking webhook of the sandbox carrier, which stands in for real carriers on a laptop. It
// is signed as Standard Webhooks 1.0 has it, see package standard:
//
//	{
//	  "type": "tracking.updated",
//	  "timestamp": "2026-03-01T12:00:00Z",
//	  "data": {
//	    "tracking_number": "SB1", "reference": "…/1", "scan_id": "SB1-2", "status": "in_transit", "code": "PU",
//	    "location": "Berlin", "occurred_at": "2026-03-01T11:59:00Z"
//	  }
//	}
//
// The status is in_transit, out_for_delivery, delivered, exception, lost or returned.
package sandbox

import (
	"net/http"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const name = "sandbox"

// Source is the sandbox carrier.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Carrier }

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error { return standard.CheckSecret(secret) }

// Verify returns nil if one of the account's secrets signed the request, and now.
func (Source) Verify(r source.Request, a source.Account) error { return standard.Verify(r, a.Secrets) }

// Sign makes the headers with which the carrier would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) { return standard.Sign(body, s) }

type event struct {
	Type      source.Scalar `json:"type"`
	Timestamp source.Scalar `json:"timestamp"`
	Data      struct {
		TrackingNumber source.Scalar `json:"tracking_number"`
		ScanID         source.Scalar `json:"scan_id"`
		Status         source.Scalar `json:"status"`
		Code           source.Scalar `json:"code"`
		Location       source.Scalar `json:"location"`
		OccurredAt     source.Scalar `json:"occurred_at"`
	} `json:"data"`
}

var steps = map[string]intakev1.ScanStep{
	"in_transit":       intakev1.ScanStep_SCAN_STEP_IN_TRANSIT,
	"out_for_delivery": intakev1.ScanStep_SCAN_STEP_OUT_FOR_DELIVERY,
	"delivered":        intakev1.ScanStep_SCAN_STEP_DELIVERED,
	"exception":        intakev1.ScanStep_SCAN_STEP_EXCEPTION,
	"lost":             intakev1.ScanStep_SCAN_STEP_LOST,
	"returned":         intakev1.ScanStep_SCAN_STEP_RETURNED,
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var e event
	var trouble source.Trouble
	out := source.Reading{DeliveryID: standard.DeliveryID(r), Headers: source.Keep(r.Header, standard.HeaderTimestamp, "User-Agent", "Content-Type")}
	readable := trouble.Unreadable(source.Decode(r.Body, &e))
	out.Topic = e.Type.String()
	switch {
	case !readable:
	case out.Topic == "":
		trouble.Missing("type")
	case out.Topic != "tracking.updated":
		trouble.Add(source.UnknownTopic, "no type that we read")
	default:
		out.Facts = scan(&e, r, &trouble)
	}
	out.Quarantine = trouble.Quarantine()
	return out
}

// keep is how much of a carrier's words is kept.
const keep = 200

func scan(e *event, r source.Request, trouble *source.Trouble) []*intakev1.Fact {
	d := e.Data
	number, id := d.TrackingNumber.String(), d.ScanID.String()
	step, known := steps[d.Status.String()]
	reference := "tracking:" + name + ":" + number
	switch {
	case number == "":
		trouble.Missing("data.tracking_number")
		return nil
	case !source.IsName(reference) || id != "" && !source.IsName(id):
		trouble.Bad("data.tracking_number or data.scan_id", "is too long")
		return nil
	case d.Status.String() == "":
		trouble.Missing("data.status")
		return nil
	case !known:
		trouble.Bad("data.status", "is none that we know")
		return nil
	}
	if id == "" {
		id = source.BodyID([]byte(number + "\x00" + string(d.Status+"\x00"+d.Code+"\x00"+d.Location+"\x00"+d.OccurredAt)))
	}
	at := source.Time(d.OccurredAt.String())
	if at == nil {
		at = source.Time(e.Timestamp.String())
	}
	if at == nil {
		at = source.Moment(r.ReceivedAt)
	}
	return []*intakev1.Fact{{
		References: []string{reference}, OccurredAt: at,
		Body: &intakev1.Fact_ScanReported{ScanReported: &intakev1.ScanReported{
			Carrier: name, TrackingNumber: number, ScanId: id, Step: step, Code: source.Clean(d.Code.String(), keep),
			Location: source.Clean(d.Location.String(), keep),
		}},
	}}
}
