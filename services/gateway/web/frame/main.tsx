// The chat inside the widget's frame.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { handleCall } from './calls';
import { notice, pageDirection } from './chat';
import { listenToPage } from './page-link';
import './style.css';
import { rightToLeft, shown, t } from './texts';
import { Chat } from './view';

effect(() => {
  const root = document.documentElement;
  root.lang = shown.value;
  root.dir = rightToLeft.value || pageDirection.value === 'rtl' ? 'rtl' : 'ltr';
  document.title = t.value.chat;
});
render(<Chat />, document.body);
if (parent === window) notice.value = t.value.alone;
else listenToPage(handleCall);
