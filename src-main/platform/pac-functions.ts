// What a proxy configuration script (PAC) may call, as every browser gives it: run inside the sandbox, before the script.

/**
 * A function of the names resolved so far and of the laptop's own address. It puts the functions of a script in place, and returns
 * one that says which name was wanted in vain, or null.
 */
export const pacFunctions = String.raw`(function (names, own) {
  var wanted = null;
  var global = globalThis;
  var known = new Map(names);
  var days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
  var months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

  /** Four numbers as one, or null. */
  function numberOf(address) {
    var parts = String(address).split('.');
    if (parts.length !== 4) return null;
    var number = 0;
    for (var i = 0; i < 4; i += 1) {
      if (!/^\d{1,3}$/.test(parts[i]) || Number(parts[i]) > 255) return null;
      number = number * 256 + Number(parts[i]);
    }
    return number;
  }
  /** The arguments without a GMT at their end, and the time that it asks for. */
  function timed(given) {
    var args = Array.prototype.slice.call(given);
    var gmt = args[args.length - 1] === 'GMT';
    if (gmt) args.pop();
    var now = new Date();
    return { args: args, now: gmt ? new Date(now.getTime() + now.getTimezoneOffset() * 60000) : now };
  }
  /** Also over the end of a day, a week or a year. */
  function within(now, from, to) {
    return from <= to ? from <= now && now <= to : from <= now || now <= to;
  }

  global.alert = function () {};
  global.isPlainHostName = function (host) {
    return String(host).indexOf('.') < 0;
  };
  global.dnsDomainIs = function (host, domain) {
    return String(host).endsWith(String(domain));
  };
  global.localHostOrDomainIs = function (host, full) {
    return host === full || String(full).startsWith(host + '.');
  };
  global.dnsDomainLevels = function (host) {
    return String(host).split('.').length - 1;
  };
  global.dnsResolve = function (host) {
    var name = String(host);
    if (numberOf(name) !== null) return name;
    if (known.has(name)) return known.get(name);
    if (wanted === null) wanted = name;
    throw new Error('not resolved yet');
  };
  global.isResolvable = function (host) {
    return global.dnsResolve(host) !== null;
  };
  global.isInNet = function (host, pattern, mask) {
    var address = numberOf(global.dnsResolve(host));
    var net = numberOf(pattern);
    var bits = numberOf(mask);
    return address !== null && net !== null && bits !== null && (address & bits) === (net & bits);
  };
  global.myIpAddress = function () {
    return own;
  };
  global.convert_addr = function (address) {
    return (numberOf(address) || 0) | 0;
  };
  global.shExpMatch = function (text, pattern) {
    text = String(text);
    pattern = String(pattern);
    var at = 0;
    var star = -1;
    var from = 0;
    for (var i = 0; i < text.length; ) {
      if (pattern[at] === '*') {
        star = at;
        at += 1;
        from = i;
      } else if (pattern[at] === '?' || pattern[at] === text[i]) {
        at += 1;
        i += 1;
      } else if (star >= 0) {
        at = star + 1;
        from += 1;
        i = from;
      } else return false;
    }
    while (pattern[at] === '*') at += 1;
    return at === pattern.length;
  };
  global.weekdayRange = function () {
    var at = timed(arguments);
    var from = days.indexOf(at.args[0]);
    var to = at.args.length > 1 ? days.indexOf(at.args[1]) : from;
    return from >= 0 && to >= 0 && within(at.now.getDay(), from, to);
  };
  global.timeRange = function () {
    var at = timed(arguments);
    var args = at.args.map(Number);
    var half = args.length > 1 ? args.length / 2 : 1;
    var last = args.length > 1 ? args.slice(half) : args;
    var now = at.now.getHours() * 3600 + at.now.getMinutes() * 60 + at.now.getSeconds();
    var from = args[0] * 3600 + (half > 1 ? args[1] * 60 : 0) + (half > 2 ? args[2] : 0);
    var to = last[0] * 3600 + (half > 1 ? last[1] : 59) * 60 + (half > 2 ? last[2] : 59);
    return within(now, from, to);
  };
  global.dateRange = function () {
    var at = timed(arguments);
    var half = at.args.length > 1 ? at.args.length / 2 : 1;
    /** Year, month and day in one number, of those parts alone that are said. */
    function told(args) {
      var date = { said: {}, number: 0 };
      args.forEach(function (part) {
        var month = months.indexOf(part);
        if (month >= 0) date.said.month = month + 1;
        else if (Number(part) > 31) date.said.year = Number(part);
        else date.said.day = Number(part);
      });
      date.number = (date.said.year || 0) * 10000 + (date.said.month || 0) * 100 + (date.said.day || 0);
      return date;
    }
    var from = told(at.args.slice(0, half));
    var to = at.args.length > 1 ? told(at.args.slice(half)) : from;
    var now =
      (from.said.year ? at.now.getFullYear() * 10000 : 0) +
      (from.said.month ? (at.now.getMonth() + 1) * 100 : 0) +
      (from.said.day ? at.now.getDate() : 0);
    return within(now, from.number, to.number);
  };
  return function () {
    return wanted;
  };
})`;
