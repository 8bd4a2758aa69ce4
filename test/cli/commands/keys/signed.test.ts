import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { latin1Text } from "../../../helpers/bytes.ts";
import { checkedKeys, withChecksums } from "../../../helpers/strange/signed-tapes.ts";
import { inScratch } from "../../../helpers/scratch.ts";
import { tapeline } from "../../run-command.ts";

/** A folder with keys of Alice and Bob, and a tape that Alice has recorded. */
async function prepared(
  folder: string,
): Promise<{ readonly alice: string; readonly bob: string; readonly tape: string }> {
  const pathOf = (name: string) => join(folder, name);
  const [alice, bob] = await Promise.all(
    ["alice.pem", "bob.pem"].map(async (name) => (await tapeline(["keygen", "-o", pathOf(name)])).stdout.trim()),
  ) as [string, string];
  await writeFile(pathOf("all.pub"), `# who may sign\n${bob} bob\n\n${alice} alice\n`);
  const { code, stderr } = await tapeline([
    ...["record", "--dir", folder, "--sign", pathOf("alice.pem"), "--", process.execPath, "--version"],
  ]);
  assert.equal([code, stderr], [0, ""]);
  const tape = (await readdir(folder)).find((name) => name.endsWith(".jsonl"))!;
  return { alice, bob, tape: pathOf(tape) };
}

test("record --sign makes a tape that verify --signer knows, by the key or a file with several", () =>
  inScratch(async (folder) => {
    const { alice, bob, tape } = await prepared(folder);
    const bytes = await readFile(tape);
    const id = tape.slice(folder.length + 1, -".jsonl".length);
    assert.equal(checkedKeys(bytes, id), [alice.slice("ed25519:".length)]);
    for (
      const signers of [["--signer", alice], ["--signer", join(folder, "all.pub")], [
        "--signer",
        bob,
        "--signer",
        alice,
      ]]
    ) {
      const { code, stdout, stderr } = await tapeline(["verify", ...signers, tape]);
      assert.equal([code, stderr], [0, ""]);
      assert.match(stdout, /; checksums to its end; signed to its end; no damage found\n$/);
    }
    const { code, stdout } = await tapeline(["verify", "--signer", bob, tape]);
    assert.is(code, 3);
    assert.match(stdout, `signed by ${alice}, who is none of the signers that were named\n`);
    assert.match(stdout, /; no signer vouches for it; damage found: 1 finding\n$/);
    const { stdout: json } = await tapeline(["verify", "--json", "--signer", alice, tape]);
    const { signed_to_line, signed_to_offset, line_count, byte_count } = JSON.parse(json);
    assert.equal([signed_to_line, signed_to_offset], [line_count, byte_count]);
    assert.not.match((await tapeline(["verify", "--json", tape])).stdout, "signed_to");
  }));

test("verify --signer finds what a forger has changed, where verify finds nothing", () =>
  inScratch(async (folder) => {
    const { alice, tape } = await prepared(folder);
    const forged = latin1Text(await readFile(tape)).replace('"dir":"server_to_client"', '"dir":"client_to_server"')
      .replace('"server_to_client":1,', '"server_to_client":0,').replace(
        '"client_to_server":0,',
        '"client_to_server":1,',
      );
    await writeFile(tape, withChecksums(Uint8Array.from(forged, (char) => char.charCodeAt(0))));
    const { code } = await tapeline(["verify", tape]);
    const found = await tapeline(["verify", "--signer", alice, tape]);
    assert.is(found.code, 3);
    assert.match(found.stdout, /^line 1, byte 0: lines 1 to \d+ are not as ed25519:\S+ has signed them$/m);
    assert.ok(code === 0 || code === 3);
  }));

test("what is no key is told of with its file, and nothing of what stands in it", () =>
  inScratch(async (folder) => {
    const { tape } = await prepared(folder);
    const pathOf = (name: string) => join(folder, name);
    await writeFile(pathOf("none.pub"), "# nobody\n");
    await writeFile(pathOf("long.pub"), new Uint8Array(70_000));
    const secret = (await readFile(pathOf("alice.pem"), "utf8")).split("\n")[1]!;
    for (
      const [args, why] of [
        [["verify", "--signer", pathOf("alice.pem"), tape], "Cannot use the key PATH/alice.pem: it is a private key"],
        [["verify", "--signer", pathOf("none.pub"), tape], "Cannot use PATH/none.pub: there is no key in it"],
        [
          ["verify", "--signer", pathOf("long.pub"), tape],
          "Cannot read the key PATH/long.pub: it is too long to be one",
        ],
        [["verify", "--signer", pathOf("gone.pub"), tape], "Cannot read the key PATH/gone.pub: there is no such file"],
        [["verify", "--signer", folder, tape], "Cannot read the key PATH: it is a folder"],
        [["verify", "--signer", "ed25519:A", tape], "Cannot use the key ed25519:A: ed25519: must be followed by 43"],
        [
          ["record", "--dir", folder, "--sign", pathOf("all.pub"), "--", "true"],
          "Cannot use the key PATH/all.pub: it must be a PEM",
        ],
        [["record", "--dir", folder, "--sign", pathOf("gone.pem"), "--", "true"], "Cannot read the key PATH/gone.pem"],
      ] as const
    ) {
      const { code, stdout, stderr } = await tapeline(args);
      assert.equal([code, stdout], [2, ""], stderr);
      assert.match(stderr.replaceAll(folder, "PATH"), why);
      assert.not.match(stderr, secret);
    }
  }));

test.run();
