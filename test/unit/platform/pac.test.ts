/** Proxies by a configuration script: what its answers mean, what it may call, and that no script stops or leaves its sandbox. */
import { describe, expect, it } from 'vitest';
import { askScript, proxyScript, waysOf } from '../../../src-main/platform/pac.ts';
import { problemOf } from '../medium/scratch.ts';

const url = new URL('http://mirror.example:8080/debian/secret?token=1');
const find = (body: string) => `function FindProxyForURL(url, host) { ${body} }`;
const ask = (body: string, options = {}) => askScript(find(body), url, options);

describe('an answer', () => {
  it.each([
    ['PROXY a:3128; PROXY b:8080; DIRECT', ['http://a:3128', 'http://b:8080', null]],
    ['HTTPS secure.example:443;', ['https://secure.example:443']],
    ['proxy [fd00::1]:3128', ['http://[fd00::1]:3128']],
    ['SOCKS a:1080; PROXY b:3128', ['http://b:3128']],
    ['SOCKS a:1080; SOCKS5 b:1080', []],
    ['', [null]],
    [' ; ', [null]],
    ['PROXY', []],
    ['PROXY me:secret@a:3128', []],
    ['PROXY a:99999', []],
    ['PROXY a/b', []],
    ['HTTP a', ['http://a']],
    ['nonsense', []],
    ['constructor x', []],
  ])('%j leads by %j', (answer, ways) => {
    expect(waysOf(answer)).toEqual(ways);
  });
});

describe('a script', () => {
  it('is told scheme, host and port, and nothing else', async () => {
    expect(await ask('return url + " " + host')).toBe('http://mirror.example:8080/ mirror.example');
  });

  it.each([
    ['isPlainHostName("a") && !isPlainHostName("a.b")', true],
    ['dnsDomainIs("a.example.org", ".example.org") && !dnsDomainIs("a.example.com", ".example.org")', true],
    ['localHostOrDomainIs("www", "www.example.org") && !localHostOrDomainIs("w", "www.example.org")', true],
    ['dnsDomainLevels("a.b.c")', 2],
    ['shExpMatch("http://x/a/b.deb", "*/a/?.deb") && !shExpMatch("ab", "a") && shExpMatch("a.b", "a.b*")', true],
    ['shExpMatch("axb", "a.b")', false],
    [
      'isInNet("192.168.9.7", "192.168.0.0", "255.255.0.0") && !isInNet("10.0.0.1", "192.168.0.0", "255.255.0.0")',
      true,
    ],
    ['isInNet("200.1.2.3", "200.0.0.0", "255.0.0.0")', true],
    [
      'dnsResolve("intern.example") + " " + isResolvable("no.example") + dnsResolve("no.example")',
      '10.1.2.3 falsenull',
    ],
    ['isInNet("intern.example", "10.1.0.0", "255.255.0.0")', true],
    ['/^\\d+\\.\\d+\\.\\d+\\.\\d+$/.test(myIpAddress())', true],
    ['weekdayRange("SUN", "SAT") && weekdayRange("SUN", "SAT", "GMT") && !weekdayRange("SUNDAY")', true],
    ['timeRange(0, 23) && timeRange(0, 0, 23, 59) && timeRange(0, 0, 0, 23, 59, 59, "GMT")', true],
    ['timeRange(new Date().getUTCHours(), "GMT") && !timeRange((new Date().getUTCHours() + 12) % 24, "GMT")', true],
    ['dateRange(1, 31) && dateRange("JAN", "DEC") && dateRange(2020, 2999) && !dateRange(2019)', true],
    ['dateRange(1, "JAN", 31, "DEC") && dateRange("JAN", 2020, "DEC", 2999)', true],
    ['dateRange(1, "JAN", 2020, 31, "DEC", 2999, "GMT") && !dateRange(1, "JAN", 2001, 2, "FEB", 2002)', true],
    ['(alert("x"), `${undefined ?? "modern"}`)', 'modern'],
  ])('calls %s', async (expression, expected) => {
    const resolve = async (name: string) => (name === 'intern.example' ? '10.1.2.3' : null);
    expect(await ask(`return String(${expression})`, { resolve })).toBe(String(expected));
  });

  it('has nothing of this program around it', async () => {
    const names = [
      'process',
      'require',
      'fetch',
      'XMLHttpRequest',
      'WebAssembly',
      'setTimeout',
      'console',
      'std',
      'os',
    ];
    expect(await ask(`return String(${JSON.stringify(names)}.filter((one) => one in globalThis))`)).toBe('');
    expect(await ask('return String(Object.constructor("return typeof process")())')).toBe('undefined');
  });

  it('is asked anew with a name that it caught not to have', async () => {
    const caught = 'try { return "PROXY " + dnsResolve("a") + ":1" } catch (e) { return "DIRECT" }';
    expect(await ask(caught, { resolve: async () => '10.0.0.9' })).toBe('PROXY 10.0.0.9:1');
    expect(await ask('return String(dnsResolve("__proto__"))', { resolve: async () => '10.0.0.9' })).toBe('10.0.0.9');
  });

  it.each([
    ['for (;;) {}', 'longer than 0.8 s'],
    ['var a = "x"; for (;;) a += a', /memory|too long/],
    ['var a = []; for (;;) a.push(new Array(1000).fill(1))', /memory|longer/],
    ['(function f() { f() })()', /stack|longer than/i],
    ['return /^(a+)+$/.test("a".repeat(60) + "b")', 'longer than'],
    // Not even the interpreter looks at the time in its own loops: the thread is ended from outside.
    ['Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)', 'longer than'],
    ['throw new Error("no " + "x".repeat(1000))', /^no x{1,200}$/],
    ['throw null', /null/],
    ['throw { get message() { throw 1 } }', /./],
    ['return 42', 'number'],
    ['return undefined', 'undefined'],
    ['return {}', 'object'],
    ['return { toString() { for (;;) {} } }', 'object'],
    ['return Promise.resolve("DIRECT")', 'object'],
    ['return "PROXY a; ".repeat(10000)', 'longer than 2048'],
    ['undefinedName()', 'undefinedName'],
    ['syntax error here', /./],
  ])('that does %s is ended, and told of', { timeout: 15_000 }, async (body, said) => {
    const began = performance.now();
    await expect(ask(body, { limitMs: 800, resolve: async () => null })).rejects.toThrow(said);
    expect(performance.now() - began).toBeLessThan(8000);
  });

  it('that wants name after name resolved is ended', async () => {
    const body = 'for (let i = 0; ; i += 1) try { dnsResolve("n" + i); } catch (e) { return "DIRECT" }';
    await expect(ask(body, { resolve: async () => null })).rejects.toThrow('more than 8 names');
  });

  it('that waits for a silent name server is ended too', async () => {
    const silent = () => new Promise<string | null>(() => undefined);
    await expect(ask('return dnsResolve("a")', { limitMs: 300, resolve: silent })).rejects.toThrow('longer than 0.3 s');
  });

  it.each(['', 'var x = 1', 'FindProxyForURL = 3', '<html>Not found</html>', '\u0000', 'for(;;){}'])(
    'that is %j is refused',
    async (text) => {
      await expect(askScript(text, url, { limitMs: 800 })).rejects.toThrow(/./);
    },
  );
});

describe('ways', () => {
  it('are asked for once an origin, and those that failed go last', async () => {
    const script = proxyScript('http://wpad/p.pac', find('return "PROXY " + host + ":1; PROXY b:2; DIRECT"'));
    expect(await script.waysTo('http://a/x')).toEqual(['http://a:1', 'http://b:2', null]);
    script.fails('http://a:1');
    expect(await script.waysTo('http://a/y')).toEqual(['http://b:2', null, 'http://a:1']);
    expect(await script.waysTo('http://c/y')).toEqual(['http://c:1', 'http://b:2', null]);
  });

  it('that cannot be used, or that nobody says, are a problem', async () => {
    const ofSocks = proxyScript('http://wpad/p.pac', find('return "SOCKS a:1080"'));
    expect(await problemOf(ofSocks.waysTo('https://x.example/y'))).toMatchObject({
      code: 'proxy-kind-unusable',
      params: { script: 'http://wpad/p.pac', url: 'https://x.example', answer: 'SOCKS a:1080' },
    });
    const thrower = proxyScript('http://wpad/p.pac', find('throw new Error("out of order")'));
    expect(await problemOf(thrower.waysTo('https://x.example/y'))).toMatchObject({
      code: 'proxy-script-failed',
      params: { detail: 'out of order' },
    });
  });
});
