import { Button, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { useAsync } from "../api";
import { Copy } from "../parts/Copy";
import { Modal } from "../parts/dialogs";
import { Failure, Loading } from "../parts/show";
import { arm, credentialsOf, type Credentials } from "../registry";

/** Name and passwords of a registry's admin user. */
export function Keys({ id, canChange, onClose }: { id: string; canChange: boolean; onClose: () => void }) {
  const { value, error } = useAsync(id, () => credentialsOf(id));
  const [fresh, setFresh] = useState<Credentials>();
  const [failure, setFailure] = useState<Error>();
  const keys = fresh ?? value;
  const renew = (name: string) => {
    setFailure(undefined);
    arm("POST", `${id}/regenerateCredential`, { name }).then(setFresh, setFailure);
  };
  return (
    <Modal title="Access keys" close="Close" onClose={onClose}>
      <p>The admin user may do everything in the registry, with either password.</p>
      <Failure error={error ?? failure} />
      {!keys && !error && <Loading what="passwords" />}
      {keys && <Field label="User name"><Input readOnly value={keys.username} contentAfter={<Copy label="user name" text={keys.username} />} /></Field>}
      {keys?.passwords.map(({ name, value }) => (
        <div className="line" key={name}>
          <Field label={name}><Input readOnly type="password" value={value} contentAfter={<Copy label={name} text={value} />} /></Field>
          {canChange && <Button aria-label={`Renew ${name}`} onClick={() => renew(name)}>Renew</Button>}
        </div>
      ))}
    </Modal>
  );
}
