// Before the page's own scripts: what the page may not do becomes an error. After `useSpokenMicrophone()` the page gets a
// microphone into which `say(wav)` speaks. The page itself is as users get it.
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`The policy forbids ${blockedURI}: ${violatedDirective}`),
);

{
  let mouth;

  window.say = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (character) => character.charCodeAt(0));
    const source = new AudioBufferSourceNode(mouth.context, {
      buffer: await mouth.context.decodeAudioData(bytes.buffer),
    });
    source.connect(mouth);
    source.start();
    await new Promise((said) => (source.onended = said));
  };

  window.useSpokenMicrophone = () => {
    navigator.mediaDevices.getUserMedia = async () => {
      mouth = new AudioContext().createMediaStreamDestination();
      return mouth.stream;
    };
  };
}
