// What can be wrong in a site plan, as a closed list of codes: words are in `problems.site-plan-invalid.faults.<code>`, where `value`
// and `other` may stand. Used by the plan's schema and rules, and wherever a plan is read. Pure.
import type { z } from 'zod';

export const planFaultCodes = [
  // a value by itself
  'required',
  'wants-text',
  'wants-number',
  'wants-list',
  'wants-group',
  'wants-flag',
  'one-of',
  'at-least',
  'at-most',
  'empty',
  'unknown-key',
  'wrong-value',
  'name',
  'address',
  'scope',
  'ipv4-parts',
  'ip-address',
  'range',
  'ipv6-range',
  'ipv4-range',
  'fingerprint',
  'url',
  'url-with-password',
  'proxy-login-open',
  'user-name',
  'release-number',
  'interface',
  'release-url',
  'site-id',
  'country',
  'mail',
  'time-zone',
  'ca-folder',
  'domain',
  'domain-not-address',
  // across values
  'machine-twice',
  'address-twice',
  'no-sources',
  'several-masters',
  'release-twice',
  're6st-range-missing',
  'ranges-same',
  'range-of-machine',
  'builders-only',
  'builder-other-role',
  'builder-unfit',
  'builder-taken',
  'system-not-there',
  'archive-unused',
  'builder-missing',
  'new-master-elsewhere',
  'new-master-signed',
  'port-same',
  'resident-no-master',
  'resident-no-address',
  'node-and-master',
  'node-no-master',
  'role-without-node',
  'role-taken',
  'jump-unknown',
  'jump-indirect',
  'leaving-roles',
  'leaving-way',
  'needs-node',
  'frontend-no-block',
  'frontend-no-role',
  'same-file',
  'named-twice',
  // the file
  'file-large',
  // its YAML: `value` is the column, `other` what the reader of YAML says of it, in English
  'yaml',
  'yaml-tab',
  'yaml-key-twice',
  'yaml-indent',
  'yaml-missing',
  'yaml-unexpected',
  'yaml-key',
  'yaml-list-open',
  'yaml-quote',
  'yaml-escape',
  'yaml-sign',
  'yaml-documents',
  'yaml-deep',
  'name-stays',
  'example-address',
] as const;
export type PlanFaultCode = (typeof planFaultCodes)[number];

/** A fault without its place. */
export interface PlanFaultSaid {
  readonly code: PlanFaultCode;
  /** What stands there, or what is asked for; empty where the code says all. */
  readonly value: string;
  readonly other: string;
}

const known: ReadonlySet<string> = new Set(planFaultCodes);
const said = (code: PlanFaultCode, value: string | number = '', other = ''): PlanFaultSaid => ({
  code,
  value: String(value),
  other,
});

/** By what zod expects. */
const types: Readonly<Record<string, PlanFaultCode>> = {
  string: 'wants-text',
  number: 'wants-number',
  int: 'wants-number',
  array: 'wants-list',
  object: 'wants-group',
  record: 'wants-group',
  boolean: 'wants-flag',
};

type Issue = z.core.$ZodIssue;

/** What an issue of the schema says. The schema's own messages are codes; `missing`: nothing stands at the place. */
export function faultOfIssue(issue: Issue, missing: boolean): PlanFaultSaid {
  if (missing) return said('required');
  if (known.has(issue.message)) return said(issue.message as PlanFaultCode);
  switch (issue.code) {
    case 'invalid_type':
      return said(types[issue.expected] ?? 'wrong-value');
    case 'invalid_value':
      return said('one-of', issue.values.map(String).join(', '));
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? said('at-least', String(issue.minimum))
        : said('empty');
    case 'too_big':
      return said('at-most', String(issue.maximum));
    default:
      return said('wrong-value');
  }
}
