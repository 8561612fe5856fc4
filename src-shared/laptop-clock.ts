// What is told of the laptop's clock: by clock-sights.ts, to the steps that compare with it. A shape only.

/** An alias, not an interface: it goes over as JSON. */
export type LaptopClockSight = {
  /** Since 1970. */
  readonly seconds: number;
  /** A moment that it must be after: when the medium was sealed, our certificate began, the site was last worked at. ISO. */
  readonly least: string;
};
