// A person's profile beside the thread. Draws what it is given; fetches nothing.
import { make, when } from '/dom.js';

const PROOFS = { security_hash: 'proven by security hash', hmac: 'proven by user hash', jwt: 'proven by JWT' };
const SOURCES = { identified: 'logged in on the site', 'pre-chat': 'filled in the form', import: 'imported', agent: 'added by an agent', api: 'added by the API', visitor: 'visitor' };

/** Fills `box` with a contactDetail; undefined where nothing is known of the person. */
export function drawProfile(box, contact) {
  if (!contact) return box.replaceChildren(make('p', { className: 'soft', textContent: 'Nothing is known of this person.' }));
  const { name, page, devices = [], customData = {}, tags = [] } = contact;
  box.replaceChildren(
    make('h2', { textContent: name }),
    make('p', { className: 'soft small', textContent: PROOFS[contact.verified] ?? (contact.userId ? 'identity not proven' : 'not logged in') }),
    list([
      ['E-mail', contact.email],
      ['Phone', contact.phone],
      ['Company', contact.company],
      ['User id', contact.userId],
      ['Tags', tags.join(', ')],
      ['Came in', SOURCES[contact.source]],
      ['Blocked', contact.blocked ? 'yes' : ''],
    ]),
    ...section('Custom attributes', Object.entries(customData).map(([key, value]) => [key, String(value)])),
    ...section('Behaviour', [
      ['First seen', contact.firstSeenAt && when(contact.firstSeenAt)],
      ['Last seen', contact.lastSeenAt && when(contact.lastSeenAt)],
      ['Visits', contact.sessions ? String(contact.sessions) : ''],
      ['Page', page?.title],
      ['Address', page?.url],
      ['Came from', page?.referrer],
      ['Platform', contact.platform],
      ['Browser', contact.browser],
      ['System', contact.system],
      ['Language', contact.locale],
      ['Time zone', contact.timeZone],
    ]),
    ...section('Devices', devices.map(({ platform, lastSeenAt }) => [platform, when(lastSeenAt)])),
  );
}

function list(rows) {
  return make('dl', {}, ...rows.filter(([, value]) => value).flatMap(([key, value]) => [make('dt', { textContent: key }), make('dd', {}, value)]));
}

function section(title, rows) {
  return rows.some(([, value]) => value) ? [make('h3', { textContent: title }), list(rows)] : [];
}
