// The Range header of HTTP, for one range of bytes. Pure; called by the content server alone. Source: RFC 9110, section 14.

export interface ByteRange {
  /** First byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/**
 * The range asked for within `sizeBytes`: `whole` when there is no header, or one that a server may ignore (another unit,
 * several ranges, bad syntax); `unsatisfiable` when it lies behind the end (answer 416).
 */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const found = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '');
  if (found === null) return 'whole';
  const [, first = '', last = ''] = found;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < start) return 'whole';
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}
