package discovery

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	pb "github.com/libp2p/go-libp2p/core/crypto/pb"
)

// ErrNotEd25519 says that an identity key is of a kind that no other member would accept records from.
var ErrNotEd25519 = errors.New("the identity key is not an Ed25519 key")

// NewIdentity makes an Ed25519 identity and its bytes on disk: libp2p's marshalled private key (a protobuf of key type and key).
func NewIdentity() (crypto.PrivKey, []byte, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making an identity: %w", err)
	}
	data, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("marshalling an identity: %w", err)
	}
	return key, data, nil
}

// ParseIdentity reads the bytes that NewIdentity made. Other key kinds than Ed25519 are ErrNotEd25519.
func ParseIdentity(data []byte) (crypto.PrivKey, error) {
	key, err := crypto.UnmarshalPrivateKey(data)
	if err != nil {
		return nil, errors.New("that is no identity key: the file is damaged, or another one") // what the parser says of it helps nobody
	}
	if key.Type() != pb.KeyType_Ed25519 {
		return nil, ErrNotEd25519
	}
	return key, nil
}
