// The focus is never lost: when what has it goes away or is switched off, it moves on to what stands in its place.
// One for the whole window, called by the app, so that no page has to think of it; a page that moves the focus itself goes first.

const tabbable =
  'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex]:not([tabindex="-1"])';

/** Of things of a kind the one before comes next when the last has gone; elsewhere the act that stands first. */
const lists = 'ul, ol, tbody, fieldset, [role=list], [role=radiogroup], [role=group]';

/** Where an element stands: what it is in, from the closest outwards, and how many that can be reached come before it in each. */
interface Place {
  readonly element: HTMLElement;
  readonly around: readonly { readonly box: Element; readonly before: number }[];
}

const isGone = (element: HTMLElement): boolean =>
  !element.isConnected ||
  element.matches(':disabled') ||
  element.closest('[inert]') !== null ||
  !element.checkVisibility({ visibilityProperty: true });

const reachable = (box: Element): readonly HTMLElement[] =>
  [...box.querySelectorAll<HTMLElement>(tabbable)].filter((one) => one.tabIndex >= 0 && !isGone(one));

function placeOf(element: HTMLElement): Place {
  const precedes = (other: Element): boolean =>
    (other.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  const around: { box: Element; before: number }[] = [];
  for (let box = element.parentElement; box !== null && box !== document.body; box = box.parentElement)
    around.push({ box, before: reachable(box).filter(precedes).length });
  return { element, around };
}

/** What stands in that place now. A whole page is no place: where it has nothing there, its title is taken. */
function nextIn({ around }: Place): HTMLElement | null {
  for (const { box, before } of around) {
    const there = box.isConnected ? reachable(box) : [];
    const [first, last] = [there[0], there.at(-1)];
    if (first === undefined || last === undefined) continue;
    const page = box.querySelector('h1') !== null;
    const next = there[before] ?? (page ? null : box.matches(lists) ? last : first);
    if (next !== null) return next;
    break;
  }
  return document.querySelector('h1');
}

/** Time for who removes something to move the focus, and for what is off only while something is asked to be on again. */
const removedMs = 50;
const offMs = 3000;

/** Keeps the focus on the page until the returned function is called. */
export function keepFocus(): () => void {
  /** On the page, and on what lies over it, such as a menu. */
  let onPage: Place | null = null;
  let over: Place | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const page = document.getElementById('root');

  const remember = (): void => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return;
    if (page?.contains(element) === true) [onPage, over] = [placeOf(element), null];
    else over = placeOf(element);
  };
  /** The place whose element was left by nobody: it went, or is off. */
  const lost = (): Place | null => {
    const held = over ?? onPage;
    if (held === null || !isGone(held.element)) return null;
    return [document.body, held.element].includes(document.activeElement as HTMLElement) ? held : null;
  };
  const settle = (held: Place): void => {
    timer = null;
    const { activeElement } = document;
    if (activeElement !== document.body && activeElement !== held.element) return;
    // What lay over the page took its place with it.
    const place = held.around.some(({ box }) => box.isConnected) ? held : (onPage ?? held);
    const to = isGone(place.element) ? nextIn(place) : place.element;
    to?.focus({ preventScroll: to.matches('h1') });
  };
  const look = (): void => {
    const held = lost();
    if (held === null || timer !== null) return;
    timer = setTimeout(() => settle(held), held.element.isConnected ? offMs : removedMs);
  };
  /** Who leaves a thing that is still there leaves it on purpose. A thing that goes is told to be left before it is gone. */
  const leave = ({ target, relatedTarget }: FocusEvent): void => {
    if (relatedTarget !== null || !document.hasFocus()) return;
    setTimeout(() => {
      const held = over ?? onPage;
      if (held?.element !== target || document.activeElement !== document.body || isGone(held.element)) return;
      [onPage, over] = [null, null];
    });
  };
  const changes = new MutationObserver(look);
  changes.observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ['disabled', 'hidden', 'inert', 'open'],
  });
  document.addEventListener('focusin', remember);
  document.addEventListener('click', remember, true);
  document.addEventListener('focusout', leave);
  return () => {
    changes.disconnect();
    if (timer !== null) clearTimeout(timer);
    document.removeEventListener('focusin', remember);
    document.removeEventListener('click', remember, true);
    document.removeEventListener('focusout', leave);
  };
}
