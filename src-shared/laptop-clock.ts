// What is told of the laptop's clock: by clock-sights.ts, to the steps that compare with it. Pure.

/** An alias, not an interface: it goes over as JSON. */
export type LaptopClockSight = {
  /** Since 1970. */
  readonly seconds: number;
  /** A moment that it must be after: when the medium was sealed, our certificate began, the site was last worked at. ISO. */
  readonly least: string;
};

/** By how many seconds the laptop's clock is before that moment; 0 when it is after it, or none is known. */
export const secondsBehind = ({ seconds, least }: LaptopClockSight): number =>
  least === '' ? 0 : Math.max(0, Date.parse(least) / 1000 - seconds);
