// The sound of a new message: two short tones. Browsers play it only after the user has interacted with the page.
let context: AudioContext | undefined;

export function beep() {
  try {
    context ??= new AudioContext();
    if (context.state === 'suspended') return void context.resume();
    const at = context.currentTime;
    [880, 1175].forEach((pitch, index) => {
      const tone = context!.createOscillator();
      const volume = context!.createGain();
      const begin = at + index * 0.12;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.08, begin);
      volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.18);
      tone.connect(volume).connect(context!.destination);
      tone.start(begin);
      tone.stop(begin + 0.2);
    });
  } catch {
    // The sound is optional.
  }
}
