// The stream as the page takes it: in bunches, in order, nothing lost and nothing overtaken.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { StreamEvent } from '../../../src-shared/api.ts';

const site = 'plant';
let say: (event: StreamEvent) => void = () => undefined;
let frame: (() => void) | null = null;
const invoke = vi.fn();
vi.stubGlobal('window', {
  location: { hash: '' },
  fieldkit: {
    invoke,
    onEvent: (listener: (event: StreamEvent) => void) => {
      say = listener;
      return () => undefined;
    },
  },
});
vi.stubGlobal('requestAnimationFrame', (next: () => void) => {
  frame = next;
  return 1;
});
vi.stubGlobal('cancelAnimationFrame', () => {
  frame = null;
});
const draw = (): void => frame?.();

const { useStore } = await import('../../../src-renderer/state/store.ts');
const { listenToStream } = await import('../../../src-renderer/state/stream.ts');
const { call } = await import('../../../src-renderer/state/bridge.ts');
const { emptyView } = await import('../../../src-shared/journal.ts');
listenToStream();

const waited = (number: number): StreamEvent => ({
  site,
  number,
  event: { live: { kind: 'reading', instance: `step@machine:${number}` } },
});
const shown = () => useStore.getState().site;

beforeEach(() => {
  draw();
  invoke.mockReset();
  useStore.setState({
    site: {
      name: site,
      view: emptyView,
      steps: [],
      number: 0,
      runs: [],
      drafts: {},
      practice: false,
      machines: [],
      live: {},
      previews: {},
      faults: [],
    },
  });
});

describe('the stream', () => {
  it('changes the page once for all that was said before it is drawn', () => {
    let changes = 0;
    const stop = useStore.subscribe(() => {
      changes += 1;
    });
    for (let number = 1; number <= 100; number += 1) say(waited(number));
    expect(changes).toBe(0);
    draw();
    stop();
    expect(changes).toBe(1);
    expect(shown()?.number).toBe(100);
    expect(Object.keys(shown()?.live ?? {})).toHaveLength(100);
  });

  it('tells what was said before an answer before the answer', async () => {
    invoke.mockImplementation(async () => {
      say(waited(1));
      return { value: {} };
    });
    await call('sites.close', { site });
    expect(shown()?.number).toBe(1);
  });

  it('is handed on while the window is not shown', () => {
    vi.useFakeTimers();
    say(waited(1));
    vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    expect(shown()?.number).toBe(1);
  });

  it('asks for what was missed, and again for what was missed while it asked', async () => {
    const answers = [[waited(1), waited(2)], [waited(3), waited(4)], []];
    invoke.mockImplementation(async () => {
      const value = answers.shift() ?? [];
      // Its predecessor gets lost, too late for this answer.
      if (answers.length === 2) say(waited(4));
      return { value };
    });
    say(waited(2));
    draw();
    await vi.waitFor(() => expect(shown()?.number).toBe(4));
    expect(invoke.mock.calls.map(([, input]) => (input as { number: number }).number).slice(0, 2)).toEqual([0, 2]);
  });
});
