/** What the old master leaves to a person for a frontend, what the new one spares them, and in which form a release is told. */
import { describe, expect, it } from 'vitest';
import { allocateServices, allowFrontend } from '../../../src-main/steps/frontend/gates.ts';
import { installFrontend } from '../../../src-main/steps/frontend/install-frontend.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const release = (name: string, tag: string) => ({
  name,
  url: `https://lab.example/nexedi/slapos/raw/${tag}/software/${name}/software.cfg`,
});
const siteOf = (master: string, frontend: string) =>
  sitePlan.parse({
    format: 1,
    name: 'lab',
    machines: [
      { name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' },
      { name: 'n', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0', client: 'tech' },
    ],
    releases: [release('slapos-master', master), release('rapid-cdn', frontend)],
    frontend: { domain: 'shop.example.org', certificate: 'site.crt', key: 'site.key' },
  });
const contextOf = (site: unknown, answers: Readonly<Record<string, string>> = {}) =>
  ({
    site,
    lock: emptyLock,
    subject: { kind: 'machine', name: 'n' },
    input: {},
    needs: [],
    earlier: { answers },
  }) as never;
/** The master's machine has this address on its interface. */
const world = {
  probe: async () => ({
    own: { exit: 0, out: JSON.stringify([{ addr_info: [{ local: '10.0.0.1', prefixlen: 24 }] }]), err: '' },
  }),
} as never;

describe.each([
  [allowFrontend, 'ComputePartition_getCustomAllocationParameterDict'],
  [allocateServices, 'slapos_allocate_instance'],
])('a gate of the old master', (step, page) => {
  it(`asks a person, with the page at hand: ${page}`, async () => {
    const context = contextOf(siteOf('1.0.358', '1.0.344'));
    const facts = await step.read(world, context);
    expect(step.verdict(facts, context).state).toBe('todo');
    const [command, ...others] = step.plan(facts, context);
    expect(others).toEqual([]);
    expect(command).toMatchObject({
      ...{ kind: 'ask', question: { id: `${step.id}:n`, kind: 'confirm', params: { domain: 'shop.example.org' } } },
    });
    expect(JSON.stringify(command)).toContain(`http://10.0.0.1/erp5/`);
    expect(JSON.stringify(command)).toContain(page);
  });

  it('is done once a person said so', async () => {
    const context = contextOf(siteOf('1.0.358', '1.0.344'), { [`${step.id}:n`]: 'yes' });
    const facts = await step.read(world, context);
    expect(step.verdict(facts, context).state).toBe('done');
    expect(step.plan(facts, context)).toEqual([]);
  });

  it('is skipped with the reason where the master is the new one', async () => {
    const context = contextOf(siteOf('1.0.359', '1.0.499'));
    const facts = await step.read(world, context);
    expect(step.verdict(facts, context).state).toBe('done');
    expect(step.found(facts, context)).toMatchObject([{ key: `steps.${step.id}.found.skipped` }]);
    expect(step.plan(facts, context)).toEqual([]);
  });
});

it('the script of the old master is given what stands for any frontend, and the release that it is to lead to', async () => {
  const context = contextOf(siteOf('1.0.358', '1.0.344'));
  const [command] = allowFrontend.plan(await allowFrontend.read(world, context), context);
  const told = JSON.stringify(command);
  expect(told).toContain('blob_plain/HEAD:/software/apache-frontend/software.cfg');
  expect(told).toContain(release('rapid-cdn', '1.0.344').url);
});

describe('install-frontend', () => {
  const certificate = { fault: null, fingerprint: 'ab', until: '', chain: 'CHAIN', parametersSha256: 'of the pair' };
  const service = (lives: string) => ({
    ...{ computer: 'COMP-1', client: true, error: '', supplied: true, installed: true, instance: null, moved: true },
    ...{ failing: [], release: release('rapid-cdn', lives).url },
  });

  it.each([
    ['1.0.464', '1.0.464', 'xml'],
    ['1.0.465', '1.0.465', 'json-in-xml'],
    // What lives is told as it reads it, whatever the plan names.
    ['1.0.464', '1.0.499', 'xml'],
  ])('tells a release %s, with %s in the plan, as %s', (lives, planned, form) => {
    const context = contextOf(siteOf('1.0.499', planned));
    const plan = installFrontend.plan({ certificate, service: service(lives) } as never, context);
    const request = plan.find((command) => command.kind === 'run');
    const argv = request?.kind === 'run' ? request.argv : [];
    expect(argv.slice(-2)).toEqual(['--force-serialisation', form]);
    expect(argv).toContain(release('rapid-cdn', lives).url);
    // The key is no word of any command.
    expect(request).toMatchObject({ stdin: [expect.any(String), { secret: 'frontend-key' }, expect.any(String)] });
  });
});
