// What the master calls a computer, as slapos keeps it on the computer itself. Used by the steps, and by what reads their records. Pure.

/** `COMP-7` in a slapos.cfg, null while the computer is not registered. Works on a text that slapos itself cannot read. */
export const computerIn = (config: string | null): string | null =>
  /^\s*computer_id\s*=\s*(COMP-\d+)\s*$/m.exec(config ?? '')?.[1] ?? null;
