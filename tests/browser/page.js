// Before the page's own code: a person who takes a moment to allow the microphone, and a tape
// recorder beside the loudspeaker.
(() => {
  const devices = navigator.mediaDevices;
  if (devices === undefined) return; // about:blank
  const open = devices.getUserMedia.bind(devices);
  let allow;
  const allowed = new Promise((resolve) => { allow = resolve; });
  devices.getUserMedia = async (wanted) => { await allowed; return open(wanted); };

  let recorder;
  const parts = [];
  const playing = () => [...document.querySelectorAll("audio")].find((audio) =>
    !audio.paused && !audio.muted && audio.volume > 0 && audio.srcObject?.getAudioTracks().length > 0);

  window.person = {
    allowMicrophone: allow,
    hasSound: () => playing() !== undefined,
    record() {
      recorder = new MediaRecorder(playing().srcObject, { mimeType: "audio/webm;codecs=opus" });
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.start();
    },
    async recorded() {
      const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
      recorder.stop();
      await stopped;
      const reader = new FileReader();
      const read = new Promise((resolve) => { reader.onload = resolve; });
      reader.readAsDataURL(new Blob(parts));
      await read;
      return reader.result.split(",")[1] ?? "";
    },
  };
})();
