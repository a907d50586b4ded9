// The chat's icons: lines of one width on a square of 24.
const PATHS = {
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M12 5v13M6 13l6 6 6-6',
  smile: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9 9.5v.5M15 9.5v.5M8 14.5c2 2.5 6 2.5 8 0',
  send: 'M12 19V5M6 11l6-6 6 6',
  chat: 'M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z',
};

export const Icon = ({ name }: { name: keyof typeof PATHS }) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
