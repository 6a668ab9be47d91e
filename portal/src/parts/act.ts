import { useState } from "react";

/** Does something and keeps what went wrong. Until it is answered nothing else should be asked for:
 *  a request that is sent again must not undo it. */
export function useAct() {
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const act = <T,>(work: Promise<T>, done?: (value: T) => void) => {
    setFailure(undefined);
    setBusy(true);
    work.then(done, setFailure).finally(() => setBusy(false));
  };
  return { failure, isBusy, act };
}
