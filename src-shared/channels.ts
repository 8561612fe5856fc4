// The names of everything the window may ask for. Names only, so that the preload bundle needs nothing else.
// Must equal the keys of `api` (checked by the compiler there).

export const procedures = [
  'app.info',
  'settings.get',
  'settings.set',
  'sites.list',
  'sites.create',
  'sites.onMedium',
  'sites.takeOver',
  'sites.open',
  'sites.close',
  'site.plan',
  'site.editPlan',
  'site.savePlan',
  'site.sheet',
  'steps.check',
  'steps.plan',
  'steps.run',
  'steps.undoPlan',
  'steps.undo',
  'run.cancel',
  'questions.answer',
  'secrets.show',
  'drafts.save',
  'machines.read',
  'machines.look',
  'machines.remove',
  'machines.renew',
  'keys.state',
  'keys.export',
  'keys.import',
  'media.recent',
  'laptop.now',
  'media.next',
  'media.list',
  'media.contents',
  'media.rehearse',
  'media.rehearsal',
  'format.drives',
  'format.look',
  'format.perform',
  'pick.path',
  'blobs.read',
  'practice.faults',
  'records.list',
  'records.read',
  'records.save',
  'support.read',
  'support.save',
  'events.since',
] as const;

export type ProcedureName = (typeof procedures)[number];

/** The one stream from main to the window. */
export const eventChannel = 'fieldkit:event';
/** ipcMain.handle channel of a procedure. */
export const procedureChannel = (name: ProcedureName): string => `fieldkit:${name}`;
