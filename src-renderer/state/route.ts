// Where the person is, kept in the address after `#`, so that a reload and the back key come to the same place.

export type Route =
  | { readonly page: 'start' }
  | { readonly page: 'new' }
  | { readonly page: 'site'; readonly site: string }
  | { readonly page: 'step'; readonly site: string; readonly instance: string }
  | { readonly page: 'plan'; readonly site: string };

export function addressOf(route: Route): string {
  switch (route.page) {
    case 'start':
      return '#/';
    case 'new':
      return '#/new';
    case 'site':
      return `#/site/${encodeURIComponent(route.site)}`;
    case 'step':
      return `#/site/${encodeURIComponent(route.site)}/step/${encodeURIComponent(route.instance)}`;
    case 'plan':
      return `#/site/${encodeURIComponent(route.site)}/plan`;
  }
}

/** Anything that is no address of ours leads to the start. */
export function routeOf(address: string): Route {
  if (address === '#/new') return { page: 'new' };
  const [, site, kind, instance] = /^#\/site\/([^/]+)(?:\/(step|plan)(?:\/([^/]+))?)?$/.exec(address) ?? [];
  if (site === undefined) return { page: 'start' };
  try {
    const name = decodeURIComponent(site);
    if (kind === 'plan') return { page: 'plan', site: name };
    if (kind === 'step' && instance !== undefined) {
      return { page: 'step', site: name, instance: decodeURIComponent(instance) };
    }
    return { page: 'site', site: name };
  } catch {
    return { page: 'start' };
  }
}

export const go = (route: Route): void => {
  window.location.hash = addressOf(route);
};
