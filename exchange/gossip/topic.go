package gossip

import (
	"context"
	"fmt"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/gologshim"

	"fbpeer/exchange"
)

// Bounds of the topic. What is lost to a full queue comes by sync, but for views: after a call those of everybody come at once.
const (
	maxRPC          = 64 << 10
	outboundQueue   = 1024
	validationQueue = 1024
	validationsMost = 64
	deliveryQueue   = 1024
	subscriptions   = 8 // in one RPC; there is one topic
)

// join makes the GossipSub router and subscribes to the topic. The router writes where libp2p itself does, so that main's one bridge
// decides what of both a person sees.
func (x *Exchange) join(ctx context.Context) (*pubsub.Subscription, error) {
	topic := Topic(x.c.Federation)
	logger := gologshim.Logger("pubsub").With("self", x.c.Host.ID().String())
	router, err := pubsub.NewGossipSub(ctx, x.c.Host,
		pubsub.WithLogger(logger),
		pubsub.WithRPCLogger(logger),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictSign),
		pubsub.WithFloodPublish(true),
		pubsub.WithPeerExchange(false),
		pubsub.WithMaxMessageSize(maxRPC),
		pubsub.WithMaxControlMessageSize(maxRPC),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(pubsub.NewAllowlistSubscriptionFilter(topic), subscriptions)),
		pubsub.WithPeerFilter(func(p peer.ID, _ string) bool { return !x.c.Barred(p) }),
		pubsub.WithPeerOutboundQueueSize(outboundQueue),
		pubsub.WithValidateQueueSize(validationQueue),
		pubsub.WithValidateThrottle(validationsMost),
	)
	if err != nil {
		return nil, err
	}
	if err := router.RegisterTopicValidator(topic, x.validate, pubsub.WithValidatorConcurrency(validationsMost)); err != nil {
		return nil, err
	}
	if x.topic, err = router.Join(topic); err != nil {
		return nil, err
	}
	return x.topic.Subscribe(pubsub.WithBufferSize(deliveryQueue))
}

// validate is the topic's validator. Own messages pass: the loop has put the record into the table already, where it would count as
// known.
func (x *Exchange) validate(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	if from == x.c.Host.ID() {
		return pubsub.ValidationAccept
	}
	r, err := x.judge(m.GetData(), from, func(id exchange.ID) bool { return id.Peer == m.GetFrom() })
	result := Outcome(err)
	if result == pubsub.ValidationAccept {
		m.ValidatorData = r
	} else if call, ok := r.(*exchange.Call); ok && codeOf(err) == CodeRate && x.c.Trusted(call.Peer) {
		select {
		case x.passed <- Received{Record: call, From: from, Via: "topic", Passed: true}:
		default: // a validator must not wait; whoever is called calls again
		}
	}
	return result
}

// passOver delivers calls of trusted members that came too soon.
func (x *Exchange) passOver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-x.passed:
			x.c.Deliver(ctx, r)
		}
	}
}

// receive delivers what the validator accepted, except what is our own publication.
func (x *Exchange) receive(ctx context.Context, s *pubsub.Subscription) {
	defer s.Cancel()
	for {
		m, err := s.Next(ctx)
		if err != nil {
			return // the context has ended
		}
		if r, ok := m.ValidatorData.(exchange.Opened); ok {
			x.c.Deliver(ctx, Received{Record: r, From: m.ReceivedFrom, Via: "topic"})
		}
	}
}

// Publish sends an own sealed record on the topic, after the loop has put it into the table, unless it is a call. Whoever is not connected
// gets what is synced by sync. A call that comes less than 10 s after another one of ours, or that was accepted of a trusted caller, is a
// *exchange.Refusal with CodeRate and is not sent: who trusts both would not answer it, but answers the other.
func (x *Exchange) Publish(ctx context.Context, sealed []byte) error {
	r, err := exchange.OpenRecord(sealed, x.c.Federation)
	if err != nil {
		return err
	}
	id := r.Record().ID
	if id.Peer != x.c.Host.ID() {
		return refuse(CodeAuthor, id, "only own records are published")
	}
	if id.Kind == exchange.KindCall && !x.calls.allow(x.c.Now()) {
		return refuse(CodeRate, id, "another call was made less than 10 seconds ago")
	}
	if err := x.topic.Publish(ctx, sealed); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return nil
}
