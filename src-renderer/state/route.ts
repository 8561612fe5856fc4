// Where the person is, kept in the address after `#`, so that a reload and the back key come to the same place.

/** Pages of a site beside its overview and its steps; the menu lists them in this order. */
export const menuPages = [
  'plan',
  'sources',
  'machines',
  'sheet',
  'medium',
  'keys',
  'records',
  'support',
  'help',
] as const;
/** Formatting and repairing are acts of their own, reached from the medium's page. */
const sitePages = [...menuPages, 'format', 'repair'] as const;
export type SitePageName = (typeof sitePages)[number];

export type Route =
  | { readonly page: 'start' }
  | { readonly page: 'new' }
  | { readonly page: 'cache' }
  /** Without a site; on one it is one of its pages. */
  | { readonly page: 'help' }
  | { readonly page: 'site'; readonly site: string }
  | { readonly page: 'step'; readonly site: string; readonly instance: string }
  | { readonly page: 'machine'; readonly site: string; readonly machine: string }
  | { readonly page: SitePageName; readonly site: string };

export function addressOf(route: Route): string {
  switch (route.page) {
    case 'start':
      return '#/';
    case 'new':
      return '#/new';
    case 'cache':
      return '#/cache';
    case 'help':
      return 'site' in route ? `#/site/${encodeURIComponent(route.site)}/help` : '#/help';
    case 'site':
      return `#/site/${encodeURIComponent(route.site)}`;
    case 'step':
      return `#/site/${encodeURIComponent(route.site)}/step/${encodeURIComponent(route.instance)}`;
    case 'machine':
      return `#/site/${encodeURIComponent(route.site)}/machine/${encodeURIComponent(route.machine)}`;
    default:
      return `#/site/${encodeURIComponent(route.site)}/${route.page}`;
  }
}

/** Anything that is no address of ours leads to the start. */
export function routeOf(address: string): Route {
  if (address === '#/new') return { page: 'new' };
  if (address === '#/cache') return { page: 'cache' };
  if (address === '#/help') return { page: 'help' };
  const [, site, kind, instance] = /^#\/site\/([^/]+)(?:\/([a-z]+)(?:\/([^/]+))?)?$/.exec(address) ?? [];
  if (site === undefined) return { page: 'start' };
  try {
    const name = decodeURIComponent(site);
    const page = sitePages.find((item) => item === kind);
    if (page !== undefined && instance === undefined) return { page, site: name };
    if (kind === 'step' && instance !== undefined) {
      return { page: 'step', site: name, instance: decodeURIComponent(instance) };
    }
    if (kind === 'machine' && instance !== undefined) {
      return { page: 'machine', site: name, machine: decodeURIComponent(instance) };
    }
    return kind === undefined ? { page: 'site', site: name } : { page: 'start' };
  } catch {
    return { page: 'start' };
  }
}

export const go = (route: Route): void => {
  window.location.hash = addressOf(route);
};
