// Where our own things lie on a machine. One definition for everybody who puts something there, and for closing a site: what is
// below the work folder is for the work only and goes with it; what is to go on without us lies in the kept folder. Pure.

/** For the work only: runs, guards, parameters, apt's lists. Closing a site removes it whole. */
export const workFolder = '/var/lib/fieldkit';

/** Programs that go on when the laptop is gone. */
export const keptFolder = '/usr/local/lib/fieldkit';

/** Names of the units that take back a change which nobody confirmed. */
export const guardUnitPrefix = 'fieldkit-guard-';
/** Names of the units in which long work runs. */
export const runUnitPrefix = 'fieldkit-run-';
