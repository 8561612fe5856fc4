// What a person can do to steps and settings. Each is one call of main; what follows arrives on the stream.
import type { OutputOf, Settings } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import { canonicalJson } from '../../src-shared/json.ts';
import { toProblemData } from '../../src-shared/problem.ts';
import { changeTexts } from '../i18n/i18n.ts';
import { call } from './bridge.ts';
import { routeOf } from './route.ts';
import { changeSite, type Preview, useStore } from './store.ts';

export type StepInput = Readonly<Record<string, Json>>;

/** Settings and facts about the program, before anything is shown. */
export async function start(): Promise<Settings> {
  window.addEventListener('hashchange', () => useStore.setState({ route: routeOf(window.location.hash) }));
  showTheme(useStore.getState().settings.theme);
  const [settings, info] = await Promise.all([call('settings.get', {}), call('app.info', {})]);
  useStore.setState({ settings, info });
  showTheme(settings.theme);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
    showTheme(useStore.getState().settings.theme),
  );
  return settings;
}

function showTheme(theme: Settings['theme']): void {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = theme === 'system' ? (dark ? 'dark' : 'light') : theme;
}

export async function changeSettings(change: Partial<Settings>): Promise<void> {
  const before = useStore.getState().settings;
  const settings = { ...before, ...change };
  await showSettings(settings);
  if ((await tell(call('settings.set', settings))) !== null) return;
  // What is not kept is not shown either; what was changed in the meantime stays.
  const now = useStore.getState().settings;
  const refused = (Object.keys(change) as (keyof Settings)[]).filter((key) => now[key] === settings[key]);
  await showSettings({ ...now, ...Object.fromEntries(refused.map((key) => [key, before[key]])) });
}

async function showSettings(settings: Settings): Promise<void> {
  const { language } = useStore.getState().settings;
  useStore.setState({ settings });
  showTheme(settings.theme);
  if (language !== settings.language) await changeTexts(settings.language);
  document.documentElement.lang = settings.language;
}

/** Shows what goes wrong with an act that belongs to no step. */
async function tell<T>(act: Promise<T>): Promise<T | null> {
  try {
    return await act;
  } catch (thrown) {
    useStore.setState({ trouble: toProblemData(thrown) });
    return null;
  }
}

export const forgetTrouble = (): void => useStore.setState({ trouble: null });

/** Identity of an input, to see whether a shown plan still belongs to it. */
export const inputKeyOf = (input: StepInput): string => canonicalJson(input);

const setPreview = (site: string, instance: string, preview: Preview): void =>
  changeSite(site, (now) => ({ previews: { ...now.previews, [instance]: preview } }));

const asked = new Map<string, number>();

/** Reads facts and shows the plan; changes nothing anywhere. A newer request makes an older answer void. */
export async function preview(site: string, instance: string, input: StepInput): Promise<void> {
  const mine = (asked.get(instance) ?? 0) + 1;
  asked.set(instance, mine);
  setPreview(site, instance, { state: 'reading' });
  let result: Preview;
  try {
    const { plan, shell } = await call('steps.plan', { site, instance, input });
    result = { state: 'ready', plan, shell, inputKey: inputKeyOf(input) };
  } catch (thrown) {
    result = { state: 'failed', problem: toProblemData(thrown) };
  }
  if (asked.get(instance) === mine) setPreview(site, instance, result);
}

export async function check(site: string, instances: readonly string[]): Promise<void> {
  const started = await tell(call('steps.check', { site, instances: [...instances] }));
  if (started !== null) addRun(site, started.run, instances);
}

interface RunChoice {
  readonly instances: readonly string[];
  readonly consent: 'each' | 'phase';
  readonly agreed: readonly string[];
  readonly skip: readonly string[];
  readonly inputs: Readonly<Record<string, StepInput>>;
}

export async function run(site: string, choice: RunChoice): Promise<void> {
  const { instances, consent, agreed, skip, inputs } = choice;
  const started = await tell(
    call('steps.run', { site, instances: [...instances], consent, agreed: [...agreed], skip: [...skip], inputs }),
  );
  if (started !== null) addRun(site, started.run, instances);
}

/** Walks the site's steps on simulated machines, from its medium alone. */
export async function rehearse(site: string): Promise<void> {
  const started = await tell(call('media.rehearse', { site }));
  if (started !== null) addRun(site, started.run, []);
}

/** Reads a medium back; null: the site's own. */
export async function verifyMedium(site: string, path: string | null): Promise<void> {
  const started = await tell(call('media.verify', { site, path }));
  if (started !== null) addRun(site, started.run, []);
}

/** Copies a medium onto another drive or into a folder, by their tokens. */
export async function cloneMedium(site: string, path: string | null, to: string): Promise<void> {
  const started = await tell(call('media.clone', { site, path, to }));
  if (started !== null) addRun(site, started.run, []);
}

/** Makes an earlier state of a medium the sealed one; null: of the site's own. */
export async function restoreMedium(site: string, path: string | null, generation: number): Promise<void> {
  const started = await tell(call('media.restore', { site, path, generation }));
  if (started !== null) addRun(site, started.run, []);
}

/** Looks through the file system of a medium by its token, and mends it with `repair`. */
export async function repairMedium(site: string, place: string, repair: boolean): Promise<void> {
  const started = await tell(call('media.repair', { site, place, repair }));
  if (started !== null) addRun(site, started.run, []);
}

/** Brings back into a picked folder what machines have already. */
export async function surveyMachines(site: string, machines: readonly string[], folder: string): Promise<void> {
  const started = await tell(call('machines.survey', { site, machines: [...machines], folder }));
  if (started !== null) addRun(site, started.run, []);
}

/** Takes back what a step did, by the plan that was shown. */
export async function undo(site: string, instance: string, agreed: readonly string[]): Promise<void> {
  const started = await tell(call('steps.undo', { site, instance, agreed: [...agreed] }));
  if (started !== null) addRun(site, started.run, [instance]);
}

/** The run may be over before its name arrives; then the stream has said so and it is not added. */
function addRun(site: string, run: string, instances: readonly string[]): void {
  changeSite(site, (now) =>
    over.has(run) || now.runs.some((item) => item.run === run)
      ? {}
      : { runs: [...now.runs, { run, instances: [...instances] }] },
  );
}

const over = new Set<string>();
export const rememberOver = (run: string): void => {
  over.add(run);
};

export const cancel = (site: string, run: string): Promise<OutputOf<'run.cancel'> | null> =>
  tell(call('run.cancel', { site, run }));

/** Answers a question, or a plan by its hash. */
export async function answer(site: string, instance: string, run: string, id: string, value: string): Promise<void> {
  const answered = await tell(call('questions.answer', { site, run, id, value }));
  if (answered === null) return;
  changeSite(site, ({ live }) => {
    const was = live[instance];
    if (was === undefined) return {};
    const change = {
      ...(was.question?.question.id === id ? { question: null } : {}),
      ...(was.confirm?.plan.hash === id ? { confirm: null } : {}),
    };
    return { live: { ...live, [instance]: { ...was, ...change } } };
  });
}

/** Keeps what was typed. Secrets and what holds for one run are left out by the form before they come here. */
export function saveDraft(site: string, instance: string, input: StepInput): void {
  changeSite(site, (now) => ({ drafts: { ...now.drafts, [instance]: input } }));
  void tell(call('drafts.save', { site, instance, input }));
}
