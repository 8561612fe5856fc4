// The written pages against the program: generated pages say what the code says, and no page points at nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages } from '../../tools/docs-pages.ts';

const project = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(project, file), 'utf8');

describe.each(Object.keys(pages))('%s', (name) => {
  it('is what npm run docs writes', () => {
    expect(read(name)).toBe(pages[name]?.());
  });
});

const written = [
  ...readdirSync(project).filter((name) => name.endsWith('.md')),
  ...readdirSync(path.join(project, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.posix.join('docs', name)),
];

/** GitHub's way of making an anchor from a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? ''));

describe.each(written)('%s', (name) => {
  const text = read(name);

  it('links only to pages, headings and pictures that are there', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
    const broken = links
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [file = '', anchor] = target.split('#');
        const aim = file === '' ? name : path.posix.join(path.posix.dirname(name), file);
        if (!existsSync(path.join(project, aim))) return true;
        return anchor !== undefined && !anchorsIn(read(aim)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it('names only files of the project that are there', () => {
    const paths = [...text.matchAll(/`((?:src-[a-z]+|resources|test|tools|docs)\/[A-Za-z0-9_./-]+)`/g)].map(
      ([, file]) => file ?? '',
    );
    expect(paths.filter((file) => !existsSync(path.join(project, file)))).toEqual([]);
  });

  it('quotes code as it is written', () => {
    const quotes = [...text.matchAll(/<!-- from (\S+) -->\n```\w*\n([\s\S]*?)\n```/g)];
    const wrong = quotes.filter(([, file = '', code = '']) => !read(file).includes(code)).map(([, file]) => file);
    expect(wrong).toEqual([]);
  });

  it('names only scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm (?:run ([a-z:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own);
    expect(named.filter((script) => script !== undefined && !(script in scripts))).toEqual([]);
  });
});
