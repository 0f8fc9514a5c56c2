/** Listens to a track and says when it is louder than silence: what a person at this page hears. */

const EVERY_MS = 20;
/** 21 ms at 48 kHz: a longer window would hear the last word of a dead agent for longer. */
const WINDOW = 1024;
/** Of full scale; 300 of 32767. The codec's own noise lies below it. */
const LOUD = 0.009;

export class Ear {
  #context: AudioContext | null = null;
  #track: MediaStreamTrack | null = null;
  #stop: (() => void) | null = null;

  /** `heard` is called at each look at which there is sound; a track that is already listened to stays. */
  listen(track: MediaStreamTrack | null, heard: () => void): void {
    if (track === this.#track) return;
    this.#stop?.();
    this.#stop = null;
    this.#track = track;
    if (track !== null) this.#stop = this.#attach(track, heard);
  }

  #attach(track: MediaStreamTrack, heard: () => void): () => void {
    // One for all tracks: a context of its own would not hear the first word of a new agent.
    this.#context ??= new AudioContext();
    this.resume();
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = WINDOW;
    source.connect(analyser);
    const samples = new Float32Array(WINDOW);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > LOUD)) heard();
    }, EVERY_MS);
    return () => {
      clearInterval(timer);
      source.disconnect();
    };
  }

  /** A context that was made before the first click is held by the browser, as the sound itself is. */
  resume(): void {
    if (this.#context?.state === "suspended") void this.#context.resume();
  }

  close(): void {
    this.listen(null, () => undefined);
    void this.#context?.close();
    this.#context = null;
  }
}
