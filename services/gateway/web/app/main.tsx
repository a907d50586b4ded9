// The chat as the whole of a page, for the web view of a phone app: the app calls `HelpCrunch('init', …)` in it, before
// or after it is loaded, as a web page would. `?platform=ios` or `android` says where it is.
import './style.css';

type Queue = ((...args: unknown[]) => void) & { q?: unknown[]; loaded?: boolean };
const w = window as unknown as { HelpCrunch?: Queue };
if (!w.HelpCrunch) {
  const queue: unknown[] = [];
  w.HelpCrunch = Object.assign((...args: unknown[]) => void queue.push(args), { q: queue });
}
const script = document.createElement('script');
const platform = new URLSearchParams(location.search).get('platform') ?? 'web';
Object.assign(script.dataset, { full: 'yes', platform: ['ios', 'android'].includes(platform) ? platform : 'web' });
script.src = '/widget.js';
document.head.append(script);
