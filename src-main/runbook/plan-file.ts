// The site plan as text: reading it with places for every fault, editing it without losing a comment.
// Used by the sites, the window's editor and the jobs that pin fingerprints.
import { type ErrorCode, LineCounter, parseDocument, visit } from 'yaml';
import { type Json, json, parseJson } from '../../src-shared/json.ts';
import { faultOfIssue, type PlanFaultCode, type PlanFaultSaid } from '../../src-shared/plan-fault.ts';
import { problem } from '../../src-shared/problem.ts';
import type { SitePlan } from '../../src-shared/site.ts';
import { planFaults, sitePlan } from '../../src-shared/site.ts';

export interface PlacedFault extends PlanFaultSaid {
  /** `machines.0.address` */
  readonly path: string;
  /** Line in the text, from 1; null when it has none. */
  readonly line: number | null;
}

/** `data` is what the text holds, before defaults; null while it cannot be read at all. */
export type PlanReading =
  | { readonly plan: SitePlan; readonly data: Json; readonly faults: readonly [] }
  | { readonly plan: null; readonly data: Json; readonly faults: readonly PlacedFault[] };

/** Parses and checks; never throws. Limits: 256 KiB, no anchors that multiply. */
export function readPlanText(text: string): PlanReading {
  if (text.length > 256 * 1024)
    return { plan: null, data: null, faults: [{ path: '', line: null, ...saidOf('file-large', '256 KiB') }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    return {
      plan: null,
      data: null,
      faults: document.errors.map(({ code, message, pos: [at] }) => {
        // A bracket that was left open counts as indentation there.
        const found = / end with /.test(message) ? 'yaml-missing' : (yamlFaults[code] ?? 'yaml');
        return yamlFault(lines, at, found, message);
      }),
    };
  const loose: PlacedFault[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        loose.push(yamlFault(lines, alias.range?.[0] ?? 0, 'yaml-sign', `*${alias.source}`));
    },
  });
  if (loose.length > 0) return { plan: null, data: null, faults: loose };
  const lineOf = (path: readonly PropertyKey[]): number | null => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
      if (node?.range) return lines.linePos(node.range[0]).line;
    }
    return null;
  };
  const place = (path: readonly PropertyKey[], { code, value, other }: PlanFaultSaid): PlacedFault => ({
    path: path.map(String).join('.'),
    line: lineOf(path),
    ...saidOf(code, value, other),
  });
  let data: Json;
  try {
    // Through JSON, as dates and the like are texts in a plan.
    data = json.parse(parseJson(JSON.stringify(document.toJS({ maxAliasCount: 20 }) ?? {})));
  } catch (error) {
    return {
      plan: null,
      data: null,
      faults: [place([], saidOf('yaml-deep', '', error instanceof Error ? error.message : String(error)))],
    };
  }
  const parsed = sitePlan.safeParse(data);
  if (!parsed.success)
    return {
      plan: null,
      data,
      faults: parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => place([...issue.path, key], saidOf('unknown-key', key)))
          : [place(issue.path, faultOfIssue(issue, document.getIn(issue.path) === undefined))],
      ),
    };
  const faults = planFaults(parsed.data).map((fault) => place(fault.path, fault));
  return faults.length > 0 ? { plan: null, data, faults } : { plan: parsed.data, data, faults: [] };
}

/** The plan, or the problem `site-plan-invalid` naming the first fault's place; identical ranges have a code of their own. */
export function planFromText(text: string, path: string): SitePlan {
  const { plan, faults } = readPlanText(text);
  if (plan !== null) return plan;
  const [first] = faults;
  const place =
    first?.line == null ? (first?.path ?? '') : `line ${first.line}${first.path === '' ? '' : `, ${first.path}`}`;
  if (first?.code === 'ranges-same')
    throw problem('ranges-identical', { first: 'ranges.lan', second: 'ranges.re6st', range: rangeIn(text) });
  throw problem(
    'site-plan-invalid',
    { path, place, fault: first?.code ?? 'wrong-value', value: first?.value ?? '', other: first?.other ?? '' },
    {
      evidence: faults
        .map((fault) => `${fault.line ?? '-'}: ${fault.path} ${fault.code} ${fault.value} ${fault.other}`.trim())
        .join('\n'),
    },
  );
}

function yamlFault(lines: LineCounter, at: number, code: PlanFaultCode, message: string): PlacedFault {
  const { line, col } = lines.linePos(at);
  return { path: '', line, ...saidOf(code, String(col), message) };
}

const saidOf = (code: PlanFaultCode, value = '', other = ''): PlanFaultSaid => ({ code, value, other });

/** What the reader of YAML finds, in words of our own: by its codes, of which some are one thing to a person. */
const yamlFaults: Readonly<Partial<Record<ErrorCode, PlanFaultCode>>> = {
  TAB_AS_INDENT: 'yaml-tab',
  DUPLICATE_KEY: 'yaml-key-twice',
  BAD_INDENT: 'yaml-indent',
  MISSING_CHAR: 'yaml-missing',
  UNEXPECTED_TOKEN: 'yaml-unexpected',
  BLOCK_AS_IMPLICIT_KEY: 'yaml-key',
  MULTILINE_IMPLICIT_KEY: 'yaml-key',
  KEY_OVER_1024_CHARS: 'yaml-key',
  NON_STRING_KEY: 'yaml-key',
  BLOCK_IN_FLOW: 'yaml-list-open',
  BAD_SCALAR_START: 'yaml-quote',
  BAD_DQ_ESCAPE: 'yaml-escape',
  ALIAS_PROPS: 'yaml-sign',
  BAD_ALIAS: 'yaml-sign',
  BAD_DIRECTIVE: 'yaml-sign',
  BAD_PROP_ORDER: 'yaml-sign',
  BAD_COLLECTION_TYPE: 'yaml-sign',
  MULTIPLE_ANCHORS: 'yaml-sign',
  MULTIPLE_TAGS: 'yaml-sign',
  TAG_RESOLVE_FAILED: 'yaml-sign',
  MULTIPLE_DOCS: 'yaml-documents',
  RESOURCE_EXHAUSTION: 'yaml-deep',
};

const rangeIn = (text: string): string => String(parseDocument(text).getIn(['ranges', 're6st']) ?? '');

/** Sets values in the text, null takes one out; comments, order and everything else stay. A text with faults of YAML stays as it is. */
export function editPlanText(
  text: string,
  edits: readonly { readonly path: readonly (string | number)[]; readonly value: Json }[],
): string {
  const document = parseDocument(text);
  if (document.errors.length > 0 || edits.length === 0) return text;
  for (const { path, value } of edits) {
    if (value === null) {
      document.deleteIn(path);
      continue;
    }
    // A key with nothing behind it holds null, which nothing can be set in.
    for (let length = 1; length < path.length; length += 1)
      if (document.getIn(path.slice(0, length)) === null)
        document.setIn(path.slice(0, length), document.createNode(typeof path[length] === 'number' ? [] : {}));
    document.setIn(path, typeof value === 'object' ? document.createNode(value) : value);
  }
  return document.toString({ lineWidth: 0 });
}
