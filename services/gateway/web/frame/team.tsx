// The teammates who have replied in a conversation, by the authors of its messages.
import type { Message } from '../shared/api';

const MAX_FACES = 3;

export interface Teammate {
  id: string | null;
  name: string;
}

/** The teammates who wrote these messages, the most recent first. */
export function teamOf(messages: Message[]): Teammate[] {
  const team = new Map<string, Teammate>();
  for (let at = messages.length - 1; at >= 0; at--) {
    const { author, kind } = messages[at]!;
    if (author.kind !== 'agent' || kind !== 'text' || !author.name) continue;
    const key = author.id ?? author.name;
    if (!team.has(key)) team.set(key, { id: author.id, name: author.name });
  }
  return [...team.values()];
}

/** "Ann Meyer" → "AM"; "李文" → "李". */
export function initials(name: string) {
  const words = name.trim().split(/\s+/);
  const first = (word = '') => [...word].find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? '';
  return (
    (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : '')).toLocaleUpperCase() || '?'
  );
}

/** "Ann Meyer", or "Ann, Bea, Cem" for several, joined by the rules of the language. */
export function namesOf(team: Teammate[], format: string) {
  const first = team
    .slice(0, MAX_FACES)
    .map(({ name }) => (team.length > 1 ? name.split(/\s+/)[0]! : name));
  return new Intl.ListFormat(format, { type: 'unit', style: 'short' }).format(first);
}

export const Face = ({ name }: { name: string }) => (
  <span class="face" aria-hidden="true">
    {initials(name)}
  </span>
);

export const Faces = ({ team }: { team: Teammate[] }) => (
  <div class="faces">
    {team.slice(0, MAX_FACES).map(({ id, name }) => (
      <Face key={id ?? name} name={name} />
    ))}
  </div>
);
