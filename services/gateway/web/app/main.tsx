// The chat as the whole of a page, for the web view of a phone app. `?platform=ios` or `android` says where it is. The
// app talks with `OnethreadApp`, or calls `HelpCrunch('init', …)` in it as a web page would.
import { Bridge } from './bridge';
import { dressFrame, setTheme } from './screen';
import './style.css';

type Queue = ((...args: unknown[]) => void) & { q?: unknown[]; loaded?: boolean };
const w = window as unknown as { HelpCrunch?: Queue; OnethreadApp?: Bridge };
if (!w.HelpCrunch) {
  const queue: unknown[] = [];
  w.HelpCrunch = Object.assign((...args: unknown[]) => void queue.push(args), { q: queue });
}
const call = (...args: unknown[]) => w.HelpCrunch!(...args);
call('onReady', dressFrame);
w.OnethreadApp = new Bridge(call as (method: string, ...args: unknown[]) => void, setTheme);

const script = document.createElement('script');
const platform = new URLSearchParams(location.search).get('platform') ?? 'web';
Object.assign(script.dataset, {
  full: 'yes',
  platform: ['ios', 'android'].includes(platform) ? platform : 'web',
});
script.src = '/widget.js';
document.head.append(script);
