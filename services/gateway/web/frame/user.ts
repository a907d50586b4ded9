// Converts the `user` object of a page to what the server accepts.
import { LOST, type Packed, type User } from '../shared/protocol';

type Warn = (hint: string) => void;

// JavaScript represents every integer of up to 15 digits exactly.
const NUMERIC_ID_LIMIT = 1e15;

/**
 * Reads what the loader packed. Values that JSON can't represent are left out, with a warning: NaN would become null,
 * which clears a field, and an integer beyond 2^53 another number. With `init` there is no warning about undefined,
 * since templates leave many fields undefined.
 */
export function unpack(text: Packed, warn: Warn, init = false): Record<string, unknown> {
  const read = JSON.parse(text, (key, value: any) => {
    const lost = value?.[LOST];
    if (typeof lost !== 'string') return value;
    // The server rejects a wrong user id. Without any id the user would become a visitor.
    if (key === 'user_id' && lost !== 'undefined')
      return /^[-+.e\d]+$/.test(lost) ? Number(lost) : 'NaN';
    if (!init || lost !== 'undefined')
      warn(
        `'${key}' is ${lost} and was left out: use a string for a number beyond 2^53, null to clear.`,
      );
    return undefined;
  });
  return read && typeof read === 'object' ? read : {};
}

/** A user with the server's field names. */
export function readUser(text: Packed, warn: Warn, init = false): User {
  const { signature, ...read } = unpack(text, warn, init) as User;
  if (signature) read.user_hash ??= signature;
  const { user_id } = read;
  if (typeof user_id === 'number' && user_id % 1 === 0 && Math.abs(user_id) < NUMERIC_ID_LIMIT) {
    warn('user_id is a number: a string is better.');
    read.user_id = String(user_id);
  }
  return read;
}

/** Two users with the same key are the same user with the same proof. A JWT is different on each page, so it is left out. */
export const identityOf = ({ user_id, security_hash, user_hash }: User) =>
  JSON.stringify([user_id || null, security_hash || null, user_hash || null]);

/** The profile fields, without ids and proofs. */
export function profileOf({ user_id, security_hash, user_hash, user_jwt, ...profile }: User) {
  return profile;
}

/** The first user, overwritten by the second, attribute by attribute. */
export function merged(one: User, other: User): User {
  const all = { ...one, ...other };
  if (one.custom_data && other.custom_data)
    all.custom_data = { ...one.custom_data, ...other.custom_data };
  return all;
}
