// The chat as a whole page, for the web view of a phone app on `?platform=ios` or `android`. The app uses `OnethreadApp`,
// or calls `HelpCrunch('init', …)` as a web page does.
import { Bridge } from './bridge';
import { prepareFrame, setTheme } from './screen';
import './style.css';

type Queue = ((...args: unknown[]) => void) & { q?: unknown[]; loaded?: boolean };
const w = window as unknown as { HelpCrunch?: Queue; OnethreadApp?: Bridge };
if (!w.HelpCrunch) {
  const queue: unknown[] = [];
  w.HelpCrunch = Object.assign((...args: unknown[]) => void queue.push(args), { q: queue });
}
const call = (...args: unknown[]) => w.HelpCrunch!(...args);
call('onReady', prepareFrame);
w.OnethreadApp = new Bridge(call as (method: string, ...args: unknown[]) => void, setTheme);

const script = document.createElement('script');
const platform = new URLSearchParams(location.search).get('platform') ?? 'web';
Object.assign(script.dataset, {
  full: 'yes',
  platform: ['ios', 'android'].includes(platform) ? platform : 'web',
});
script.src = '/widget.js';
document.head.append(script);
