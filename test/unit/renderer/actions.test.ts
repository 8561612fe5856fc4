// Settings as the window shows them: what main does not keep is not shown as kept.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Settings } from '../../../src-shared/api.ts';
import { problem, toProblemData } from '../../../src-shared/problem.ts';

const invoke = vi.fn();
const root = { dataset: {} as Record<string, string>, lang: '' };
vi.stubGlobal('window', { location: { hash: '' }, fieldkit: { invoke } });
vi.stubGlobal('document', { documentElement: root });
vi.stubGlobal('matchMedia', () => ({ matches: false }));
const { changeSettings } = await import('../../../src-renderer/state/actions.ts');
const { useStore } = await import('../../../src-renderer/state/store.ts');

const atFirst: Settings = { theme: 'light', language: 'en', lastSite: null, technician: 'Ada' };
const refused = { problem: toProblemData(problem('usage-wrong', { detail: 'settings.set' })) };
const shown = () => useStore.getState().settings;

beforeEach(() => {
  invoke.mockReset();
  useStore.setState({ settings: atFirst, trouble: null });
});

describe('changeSettings', () => {
  it('shows a change at once, and keeps it', async () => {
    invoke.mockResolvedValue({ value: {} });
    const done = changeSettings({ theme: 'dark' });
    expect(shown().theme).toBe('dark');
    await done;
    expect([shown().theme, root.dataset.theme]).toEqual(['dark', 'dark']);
    expect(invoke).toHaveBeenCalledExactlyOnceWith('settings.set', { ...atFirst, theme: 'dark' });
    expect(useStore.getState().trouble).toBeNull();
  });

  it('puts back what was refused, says so, and leaves what was changed meanwhile', async () => {
    let answer: (value: unknown) => void = () => undefined;
    invoke.mockReturnValueOnce(
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    invoke.mockResolvedValue({ value: {} });
    const wrong = changeSettings({ technician: 'x', theme: 'dark' });
    await changeSettings({ theme: 'sunlight' });
    answer(refused);
    await wrong;
    expect(shown()).toEqual({ ...atFirst, theme: 'sunlight' });
    expect(root.dataset.theme).toBe('sunlight');
    expect(useStore.getState().trouble?.code).toBe('usage-wrong');
  });
});
