// What a new owner does first: the snippet into a page, then a message.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Application, Page } from '../../shared/api';
import { attempt, call, me } from '../login';
import { Copy } from '../ui';
import { conversations } from './store';

export function FirstSteps() {
  const application = useSignal<Application | undefined>(undefined);
  const owner = me.value?.role === 'owner';
  useEffect(() => {
    if (owner) void attempt(async () => void (application.value = (await call<Page<Application>>('GET', '/applications?limit=1')).items[0]));
  }, []);
  if (!owner || conversations.value.length) return <p class="soft">Choose a conversation.</p>;
  return (
    <div class="card" id="first-steps">
      <h2>First steps</h2>
      <ol class="numbered">
        <li>
          Paste this before the end of the body of your pages:
          {application.value && (
            <>
              <pre>
                <code>{application.value.snippet}</code>
              </pre>
              <Copy text={application.value.snippet} label="Copy the snippet" />
            </>
          )}
        </li>
        <li>Open your page, or the <a href="/demo" target="_blank" rel="noopener">demo page</a>, and write something in the chat.</li>
        <li>It appears here at once: answer it.</li>
        <li>
          Then say who your customers are, so that nobody passes for them: <a href="#settings/identity">proof of identity</a>.
        </li>
      </ol>
    </div>
  );
}
