// Fits the chat's frame to a phone's screen: clear of notches and above the keyboard. Links open outside of the app.
import { native, postToApp } from './native';

const SIDES = ['top', 'right', 'bottom', 'left'] as const;
const root = document.documentElement;
// In some web views only the page has the safe areas, not the frame within it.
const probe = document.createElement('div');
probe.id = 'safe-areas';
document.body.append(probe);

const frameOf = () =>
  document.querySelector('onethread-widget')?.shadowRoot?.querySelector('iframe');
const watched = new WeakSet<Document>();

/** Fits the frame to the visible part of the page. */
function fit() {
  const frame = frameOf();
  const chat = frame?.contentDocument;
  if (!frame || !chat) return;
  const { height, offsetTop } = visualViewport ?? { height: innerHeight, offsetTop: 0 };
  const keyboard = Math.max(0, innerHeight - height - offsetTop);
  // Smaller differences come from rounding in a zoomed page.
  const covered = keyboard > 60;
  frame.style.height = covered ? `${height}px` : '';
  frame.style.top = covered ? `${offsetTop}px` : '';
  const insets = getComputedStyle(probe);
  for (const side of SIDES) {
    const inset = covered && side === 'bottom' ? '0px' : insets.getPropertyValue(`padding-${side}`);
    chat.documentElement.style.setProperty(`--safe-${side}`, inset);
  }
  if (covered) scrollTo(0, 0);
}

/** The web view itself mustn't follow a link: it would leave the chat. */
function openOutside(event: MouseEvent) {
  const link = (event.target as Element | null)?.closest?.('a[href]') as HTMLAnchorElement | null;
  if (!link) return;
  event.preventDefault();
  postToApp({ type: 'openUrl', url: link.href });
}

/** Fits the frame and handles its links. Called when a session has started. */
export function prepareFrame() {
  fit();
  const chat = frameOf()?.contentDocument;
  if (!native || !chat || watched.has(chat)) return;
  watched.add(chat);
  chat.addEventListener('click', openOutside, true);
}

/** Applies the app's choice of light or dark, before the chat starts. */
export const setTheme = (theme: string) => (root.style.colorScheme = theme);

addEventListener('resize', fit);
visualViewport?.addEventListener('resize', fit);
visualViewport?.addEventListener('scroll', fit);
