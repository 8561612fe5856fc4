/** electron-builder.yml: valid against electron-builder's own schema, hardened, and naming only what exists. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { external } from '../../tools/build-settings.ts';

const project = path.resolve(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(path.join(project, name), 'utf8');
const config = parse(read('electron-builder.yml'));
const schema = JSON.parse(read('node_modules/app-builder-lib/scheme.json'));

const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

test('it is valid', () => {
  validate(config);
  expect(validate.errors ?? []).toEqual([]);
});

test.each([
  ['a mistyped key', { ...config, electronFuse: {} }],
  ['a switch that is no switch', { ...config, electronFuses: { ...config.electronFuses, runAsNode: 'no' } }],
  ['a mistyped target option', { ...config, deb: { ...config.deb, depend: [] } }],
])('the schema refuses %s', (_what, wrong) => {
  expect(validate(wrong)).toBe(false);
});

test('every path it names exists', () => {
  const copied = [...config.extraResources, ...config.linux.extraFiles].map((each: { from: string }) => each.from);
  const installed = config.deb.fpm.map((each: string) => each.slice(0, each.indexOf('=')));
  const named = [
    config.directories.buildResources,
    config.linux.icon,
    config.win.icon,
    config.mac.icon,
    ...copied,
    ...installed,
  ];
  // What the build writes is looked at in the packed folder: test/e2e/package.spec.ts.
  const ours = named.filter((name: string) => !name.startsWith('out/'));
  expect(ours.filter((name: string) => !existsSync(path.join(project, name)))).toEqual([]);
});

test('every Linux icon size is there', () => {
  const absent = [16, 32, 48, 64, 128, 256, 512].filter(
    (size) => !existsSync(path.join(project, config.linux.icon, `${size}x${size}.png`)),
  );
  expect(absent).toEqual([]);
});

test('only what stays outside the bundles is a production dependency', () => {
  expect(Object.keys(JSON.parse(read('package.json')).dependencies).sort()).toEqual([...external].sort());
});
