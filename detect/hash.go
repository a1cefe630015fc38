package detect

import (
	"encoding/binary"
	"math/bits"

	"relaywatch/mail"
)

// hashKey keys the hashes of what strangers choose: who doesn't know it can't make up an
// address that is taken for another, nor many that meet in one place of a table.
type hashKey struct{ k0, k1 uint64 }

func newHashKey(key [16]byte) hashKey {
	return hashKey{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// Remembered is what Memory.Hashes has of a recipient, for whoever looks for traces of it.
func (s *Site) Remembered(recipient mail.Path) []byte {
	return pack(nil, keptOf(newHashKey(s.Key).of(string(recipient))))
}

// of is SipHash-1-3 (Aumasson and Bernstein, 2012), with the rounds that hash tables of
// other languages take: one a word, three at the end. The Go libraries that there are have
// 2-4 only, which takes nearly twice the time, for each recipient.
func (k hashKey) of(text string) uint64 {
	v0, v1, v2, v3 := k.k0^0x736f6d6570736575, k.k1^0x646f72616e646f6d, k.k0^0x6c7967656e657261, k.k1^0x7465646279746573
	last := uint64(len(text)) << 56
	if len(text) >= 8 { // What is left of it at the end are the upper bytes of its last eight.
		last |= word(text[len(text)-8:]) >> (64 - 8*(len(text)&7))
	} else {
		for i := range len(text) {
			last |= uint64(text[i]) << (8 * i)
		}
	}
	for ; len(text) >= 8; text = text[8:] {
		m := word(text)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xff
	for range 3 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// word is the first eight bytes of a text.
func word(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

func sipRound(v0, v1, v2, v3 uint64) (w0, w1, w2, w3 uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32) + v3
	v2 += v1
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}
