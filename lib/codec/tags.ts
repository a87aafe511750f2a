/**
 * Every CBOR tag that this library reads or writes. Whatever is not listed is refused: the CBOR decoder beneath
 * would build dates, regular expressions, errors and cyclic graphs from tags that a stranger chose.
 */

/** Big-endian bytes of n. RFC 8949, section 3.4.3. */
export const unsignedBignumTag = 2

/** Big-endian bytes of -1 - n. RFC 8949, section 3.4.3. */
export const negativeBignumTag = 3
