package paypal

import (
	"encoding/binary"
	"hash/crc32"
)

// colliding is a text that begins as told and has the CRC-32 of another one: four bytes at its end make it so.
func colliding(begins, other string) string {
	want := crc32.ChecksumIEEE([]byte(other))
	// Run the register backwards from the wanted sum over the four bytes that are still to be found.
	register := ^want
	for range 4 {
		index := byte(0)
		for n := range crc32.IEEETable {
			if byte(crc32.IEEETable[n]>>24) == byte(register>>24) {
				index = byte(n)
			}
		}
		register = (register^crc32.IEEETable[index])<<8 | uint32(index)
	}
	bytes := binary.LittleEndian.AppendUint32(nil, register^^crc32.ChecksumIEEE([]byte(begins)))
	return begins + string(bytes)
}
