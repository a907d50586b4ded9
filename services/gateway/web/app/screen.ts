// The chat's frame on a phone's screen: clear of notches, above the keyboard, and links open outside.
import { native, tellApp } from './native';

const SIDES = ['top', 'right', 'bottom', 'left'] as const;
const root = document.documentElement;
// The page sees the safe areas; a frame within it doesn't in every web view.
const probe = document.createElement('div');
probe.id = 'safe-areas';
document.body.append(probe);

const frameOf = () =>
  document.querySelector('onethread-widget')?.shadowRoot?.querySelector('iframe');
const watched = new WeakSet<Document>();

/** Fits the frame to the room that is visible. */
function fit() {
  const frame = frameOf();
  const chat = frame?.contentDocument;
  if (!frame || !chat) return;
  const { height, offsetTop } = visualViewport ?? { height: innerHeight, offsetTop: 0 };
  const keyboard = Math.max(0, innerHeight - height - offsetTop);
  // Less than this is the rounding of a zoomed page.
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

/** A web view that followed a link would leave the chat. */
function openOutside(event: MouseEvent) {
  const link = (event.target as Element | null)?.closest?.('a[href]') as HTMLAnchorElement | null;
  if (!link) return;
  event.preventDefault();
  tellApp({ type: 'openUrl', url: link.href });
}

/** Looks after the frame, once there is one. */
export function dressFrame() {
  fit();
  const chat = frameOf()?.contentDocument;
  if (!native || !chat || watched.has(chat)) return;
  watched.add(chat);
  chat.addEventListener('click', openOutside, true);
}

/** Takes the app's choice of light or dark, before the chat starts. */
export const setTheme = (theme: string) => (root.style.colorScheme = theme);

addEventListener('resize', fit);
visualViewport?.addEventListener('resize', fit);
visualViewport?.addEventListener('scroll', fit);
