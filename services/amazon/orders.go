package amazon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/services/ingress/amazon"
)

// orderAt is an order as it was read: the body of its delivery, and how far it was.
type orderAt struct {
	body    []byte
	status  string
	updated time.Time // zero if not told
}

var orderID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// mostPages is more pages of items than an order has.
const mostPages = 50

// order reads an order with its items, and where it goes if it is ours to ship.
func (a *api) order(ctx context.Context, id string) (orderAt, error) {
	if !orderID.MatchString(id) {
		return orderAt{}, fault.New(fault.Rejected, "it is no id of an order of Amazon's")
	}
	path := "/orders/v0/orders/" + id
	var order struct {
		Payload json.RawMessage `json:"payload"`
	}
	if err := a.call(ctx, getOrder, http.MethodGet, path, "", nil, &order); err != nil {
		return orderAt{}, err
	}
	var said struct {
		Status  string `json:"OrderStatus"`
		Updated string `json:"LastUpdateDate"`
		Channel string `json:"FulfillmentChannel"`
	}
	if err := json.Unmarshal(order.Payload, &said); err != nil {
		return orderAt{}, fault.New(fault.Transient, "%s: its answer holds no order", getOrder)
	}
	items, err := a.items(ctx, path)
	if err != nil {
		return orderAt{}, err
	}
	var address json.RawMessage
	if said.Channel == "MFN" && (said.Status == "Unshipped" || said.Status == "PartiallyShipped") {
		if address, err = a.address(ctx, path); err != nil {
			return orderAt{}, err
		}
	}
	body, err := amazon.OrderBody(order.Payload, items, address)
	if err != nil {
		return orderAt{}, fault.New(fault.Transient, "%s: its answer is no JSON", getOrder)
	}
	updated, _ := time.Parse(time.RFC3339, said.Updated) // zero if it is none
	return orderAt{body, said.Status, updated}, nil
}

// items are all items, page by page.
func (a *api) items(ctx context.Context, path string) ([]json.RawMessage, error) {
	all := []json.RawMessage{}
	next := ""
	for range mostPages {
		query := ""
		if next != "" {
			query = "?" + url.Values{"NextToken": {next}}.Encode()
		}
		var page struct {
			Payload struct {
				Items []json.RawMessage `json:"OrderItems"`
				Next  string            `json:"NextToken"`
			} `json:"payload"`
		}
		if err := a.call(ctx, getItems, http.MethodGet, path+"/orderItems"+query, "", nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Payload.Items...)
		if next = page.Payload.Next; next == "" {
			return all, nil
		}
	}
	return nil, fault.New(fault.Transient, "%s: there is no end to its pages", getItems)
}

// address is where the order goes; nil if the application may not know. A token of its own is needed for it, which is good
// for this one address (developer-docs.amazon.com/sp-api/docs/tokens-api-use-case-guide).
func (a *api) address(ctx context.Context, path string) (json.RawMessage, error) {
	type resource struct {
		Method string `json:"method"`
		Path   string `json:"path"`
	}
	ask := struct {
		Resources []resource `json:"restrictedResources"`
	}{[]resource{{http.MethodGet, path + "/address"}}}
	var given struct {
		Token string `json:"restrictedDataToken"`
	}
	err := a.call(ctx, restrict, http.MethodPost, "/tokens/2021-03-01/restrictedDataToken", "", ask, &given)
	if err == nil && given.Token == "" {
		return nil, fault.New(fault.Transient, "%s: its answer holds no token", restrict)
	}
	var address struct {
		Payload json.RawMessage `json:"payload"`
	}
	if err == nil {
		err = a.call(ctx, getAddress, http.MethodGet, path+"/address", given.Token, nil, &address)
	}
	if errors.Is(err, errForbidden) { // the same token was good for the order, a moment ago
		a.unseen(err)
		return nil, nil
	}
	return address.Payload, err
}
