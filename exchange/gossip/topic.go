package gossip

import (
	"context"
	"fmt"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/gologshim"

	"fbpeer/exchange"
)

// Bounds of the topic. What is lost to a full queue comes by sync.
const (
	maxRPC          = 64 << 10
	validationQueue = 256
	validationsMost = 64
	deliveryQueue   = 256
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
	a, err := x.judge(m.GetData(), from, m.GetFrom())
	result := Outcome(err)
	if result == pubsub.ValidationAccept {
		m.ValidatorData = a
	}
	return result
}

// receive delivers what the validator accepted, except what is our own publication.
func (x *Exchange) receive(ctx context.Context, s *pubsub.Subscription) {
	defer s.Cancel()
	for {
		m, err := s.Next(ctx)
		if err != nil {
			return // the context has ended
		}
		if a, ok := m.ValidatorData.(*exchange.Announcement); ok {
			x.c.Deliver(ctx, Received{Announcement: a, From: m.ReceivedFrom, Via: "topic"})
		}
	}
}

// Publish sends an own sealed record on the topic, after the loop has put it into the table. Whoever is not connected gets it by sync.
func (x *Exchange) Publish(ctx context.Context, sealed []byte) error {
	if len(sealed) > exchange.MaxSealed {
		return &exchange.Refusal{Code: exchange.CodeTooLarge, Field: "envelope",
			Err: fmt.Errorf("has %d bytes, at most %d are allowed", len(sealed), exchange.MaxSealed)}
	}
	if err := x.topic.Publish(ctx, sealed); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	return nil
}
