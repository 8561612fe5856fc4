// The parameters of the master's instance, as its software release reads them (software/slapos-master), from the site plan. Pure.
import type { Json } from '../../src-shared/json.ts';
import type { Master } from '../../src-shared/site.ts';

/** Everything, always: slapproxy forgets what a later request leaves out. */
export const masterParameters = (master: Master): Readonly<Record<string, Json>> => ({
  city: master.city,
  company: master.company,
  'country-code': master.countryCode,
  email: master.email,
  state: master.state,
  timezone: master.timezone,
  'site-id': master.siteId,
  'shared-certificate-authority-path': master.caFolder,
  // There is no revocation list yet; a server that checks one would refuse every client.
  'check-crl': false,
  'zope-partition-dict': {
    '1': { family: '1', 'instance-count': 1, 'ssl-authentication': false, 'port-base': 2200 },
    service: {
      family: 'service',
      'backend-path': '/%(site-id)s/portal_slap',
      'port-base': 2240,
      'ssl-authentication': true,
      'thread-amount': 5,
    },
  },
});
