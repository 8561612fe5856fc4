// Takes known secrets out of what is about to be kept or shown, without touching its shape: a password may be spelled like
// a code or a key of ours, and the record must stay readable. Used by the runner and the desk. Pure.
import type { Json } from '../../src-shared/json.ts';
import type { Params, ProblemData } from '../../src-shared/problem.ts';
import type { Told, Verdict } from '../../src-shared/step.ts';
import type { Secrets } from './secrets.ts';

type Redactor = Pick<Secrets, 'redact'>;

/** Every text inside a JSON value; names of fields stay. */
export function redactJson(value: Json, secrets: Redactor): Json {
  if (typeof value === 'string') return secrets.redact(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Json) => redactJson(item, secrets));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redactJson(item, secrets)]));
}

const redactParams = (params: Params, secrets: Redactor): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, typeof value === 'string' ? secrets.redact(value) : value]),
  );

export const redactProblem = (
  data: ProblemData,
  secrets: Redactor,
): ProblemData & { params: Record<string, string | number> } => ({
  ...data,
  params: redactParams(data.params, secrets),
  evidence: secrets.redact(data.evidence),
});

export const redactTold = ({ key, params }: Told, secrets: Redactor): Told => ({
  key,
  params: redactParams(params, secrets),
});

export function redactVerdict(verdict: Verdict, secrets: Redactor): Verdict {
  const findings = verdict.findings.map(({ code, params }) => ({ code, params: redactParams(params, secrets) }));
  if (verdict.state === 'waiting') return { ...verdict, findings, for: redactTold(verdict.for, secrets) };
  if (verdict.state === 'unsure') return { ...verdict, findings, why: redactTold(verdict.why, secrets) };
  return { ...verdict, findings };
}
