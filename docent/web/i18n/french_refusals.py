"""What the store, the search, a link and a model server refuse, or are refused, in French."""

from __future__ import annotations

REFUSALS: dict[str, str] = {
    "It could not be read ({why}). Try again; if it fails again, see what is wrong with: "
    "python -m docent doctor": (
        "Il n'a pas pu être lu ({why}). Réessayez ; si cela échoue encore, voyez ce qui ne va pas avec : "
        "python -m docent doctor"
    ),
    # while a file is kept
    "{name} was given up while it was read.": "{name} a été abandonné pendant sa lecture.",
    "{name} was deleted while it was read again.": "{name} a été supprimé pendant sa relecture.",
    "{name} vanished while it was read. Ingest again.": (
        "{name} a disparu pendant sa lecture. Ajoutez-le de nouveau."
    ),
    "{name} changed while it was read. Ingest again when it is complete.": (
        "{name} a changé pendant sa lecture. Ajoutez-le de nouveau quand il sera complet."
    ),
    "{name} cannot be read: {why}. Check that it exists and that you may read it.": (
        "{name} ne peut pas être lu : {why}. Vérifiez qu'il existe et que vous pouvez le lire."
    ),
    "The file could not be kept in storage/ ({why}). Free some space there, or check that it may be "
    "written.": (
        "Le fichier n'a pas pu être conservé dans storage/ ({why}). Libérez-y de la place, ou vérifiez que "
        "l'on peut y écrire."
    ),
    "The file has no name. Give it one and hand it in again.": (
        "Le fichier n'a pas de nom. Donnez-lui-en un et déposez-le de nouveau."
    ),
    "{name} cannot be the name of a library. Leave out every slash.": (
        "{name} ne peut pas être le nom d'une bibliothèque. Enlevez les barres obliques."
    ),
    "The word index could not be written. Nothing stored is lost. Free some space on the disk of storage/ "
    "and start again: it is then written from the catalog.": (
        "L'index des mots n'a pas pu être écrit. Rien n'est perdu. Libérez de la place sur le disque de "
        "storage/ et redémarrez : il est alors écrit à partir du catalogue."
    ),
    "The catalog in storage/ could not be written: {why}. Nothing stored before is lost. Free some space on "
    "that disk and try again.": (
        "Le catalogue de storage/ n'a pas pu être écrit : {why}. Rien de ce qui était conservé n'est perdu. "
        "Libérez de la place sur ce disque et recommencez."
    ),
    "The catalog in storage/ has been locked by another process for {seconds} seconds. Wait for it to "
    "finish, or stop it, and try again.": (
        "Le catalogue de storage/ est verrouillé par un autre programme depuis {seconds} secondes. Attendez "
        "qu'il finisse, ou arrêtez-le, et recommencez."
    ),
    "A question may have {most} characters; this one has {length}. Shorten it, or add the text as a document "
    "and ask about it.": (
        "Une question peut avoir {most} caractères ; celle-ci en a {length}. Raccourcissez-la, ou ajoutez le "
        "texte comme document et posez votre question à son sujet."
    ),
    "The question has {conditions} conditions (words in quotation marks, words with a minus, filters such as "
    "file:); there may be {most}. Leave some out.": (
        "La question a {conditions} conditions (mots entre guillemets, mots avec un moins, filtres comme "
        "file:) ; il peut y en avoir {most}. Enlevez-en."
    ),
    # what is not there any more
    "There is no persona {name} in {file}. There are: {known}.": (
        "Il n'y a pas de persona {name} dans {file}. Il y a : {known}."
    ),
    "The library {name} is chosen here, and it or all that was in it has been deleted. Choose another in the "
    "settings, or all libraries, and ask again.": (
        "La bibliothèque {name} est choisie ici, et elle a été supprimée, ou tout son contenu. Choisissez-en "
        "une autre dans les réglages, ou toutes les bibliothèques, et reposez la question."
    ),
    "This link was not made here, or was changed. Ask the question again.": (
        "Ce lien n'a pas été fait ici, ou a été modifié. Reposez la question."
    ),
    "This link is from another version. Ask the question again.": (
        "Ce lien vient d'une autre version. Reposez la question."
    ),
    "The file itself is not kept any more. Run: python -m docent doctor --mend": (
        "Le fichier lui-même n'est plus conservé. Lancez : python -m docent doctor --mend"
    ),
    "No password is needed here. Go back to the conversation.": (
        "Aucun mot de passe n'est demandé ici. Revenez à la conversation."
    ),
    "Page {n} of this document is not here any more. Ask again.": (
        "La page {n} de ce document n'est plus ici. Reposez la question."
    ),
    "There is no document {name} that you may delete.": (
        "Il n'y a pas de document {name} que vous puissiez supprimer."
    ),
    "There is no private library {name} that you may delete.": (
        "Il n'y a pas de bibliothèque privée {name} que vous puissiez supprimer."
    ),
    "{name} is shared; it is not one reader's to delete.": (
        "{name} est partagée ; ce n'est pas à un seul de la supprimer."
    ),
    "It is deleted, but its text still stands in {log}, because the catalog has been read without a pause "
    "for {seconds} seconds. The next deletion, or the end of Docent, removes the text.": (
        "C'est supprimé, mais le texte se trouve encore dans {log}, car le catalogue est lu sans pause "
        "depuis {seconds} secondes. La prochaine suppression, ou l'arrêt de Docent, enlèvera le texte."
    ),
    "Something of {name} is left in the catalog of documents. Try again; if it happens again, see what is "
    "wrong with: python -m docent doctor": (
        "Il reste quelque chose de {name} dans le catalogue des documents. Réessayez ; si cela se reproduit, "
        "voyez ce qui ne va pas avec : python -m docent doctor"
    ),
    # the conversations
    "It is deleted, but its text still stands in {log}, because another program has been reading the "
    "conversations for {seconds} seconds. Stop that program; the next deletion, or the end of Docent, "
    "removes the text.": (
        "C'est supprimé, mais le texte se trouve encore dans {log}, car un autre programme lit les "
        "conversations depuis {seconds} secondes. Arrêtez ce programme ; la prochaine suppression, ou "
        "l'arrêt de Docent, enlèvera le texte."
    ),
    "It is deleted, but its text still stands in unused parts of {file}, because the file could not be "
    "written anew ({why}). Free some space on its disk and on that of the temporary files; the next deletion "
    "removes the text.": (
        "C'est supprimé, mais le texte se trouve encore dans des parties inutilisées de {file}, car le "
        "fichier n'a pas pu être réécrit ({why}). Libérez de la place sur son disque et sur celui des "
        "fichiers temporaires ; la prochaine suppression enlèvera le texte."
    ),
    "The conversations ({file}) could not be changed: the disk is full. Nothing of this was stored or "
    "deleted. Free some space and try again.": (
        "Les conversations ({file}) n'ont pas pu être modifiées : le disque est plein. Rien de cela n'a été "
        "conservé ni supprimé. Libérez de la place et réessayez."
    ),
    "The conversations ({file}) are locked by another program. Nothing of this was stored or deleted. Wait "
    "for that program to finish, or stop it, and try again.": (
        "Les conversations ({file}) sont verrouillées par un autre programme. Rien de cela n'a été conservé "
        "ni supprimé. Attendez la fin de ce programme, ou arrêtez-le, et réessayez."
    ),
    "The conversations ({file}) could not be read or changed ({why}). Nothing of this was stored or deleted. "
    "Check that the file may be written, or restore it from a backup.": (
        "Les conversations ({file}) n'ont pas pu être lues ou modifiées ({why}). Rien de cela n'a été "
        "conservé ni supprimé. Vérifiez que le fichier peut être modifié, ou restaurez-le depuis une "
        "sauvegarde."
    ),
    "Not all of the conversations ({file}) that were to be deleted are deleted. Try again; if it happens "
    "again, see what is wrong with: python -m docent doctor": (
        "Toutes les conversations ({file}) à supprimer ne le sont pas. Réessayez ; si cela se reproduit, "
        "voyez ce qui ne va pas avec : python -m docent doctor"
    ),
    # conditions in a question
    "There is nothing to search for but conditions. Add what you want to know.": (
        "Il n'y a que des conditions, et rien à chercher. Ajoutez ce que vous voulez savoir."
    ),
    "{typed} is not a date. Write a year, 2023, a month, 2023-07, or a day, 2023-07-31.": (
        "{typed} n'est pas une date. Écrivez une année, 2023, un mois, 2023-07, ou un jour, 2023-07-31."
    ),
    "library:{name} names no library that is searched here. There are: {known}.": (
        "library:{name} ne nomme aucune bibliothèque où l'on cherche ici. Il y a : {known}."
    ),
    "file:{name} names no document that is searched here. {more}": (
        "file:{name} ne nomme aucun document où l'on cherche ici. {more}"
    ),
    "Did you mean {names}?": "Vouliez-vous dire {names} ?",
    "There are no documents yet.": "Il n'y a pas encore de documents.",
    # what a model server sent, beyond all bounds
    "The model server at {url} sent a compressed reply, which was not asked for and is not read. Switch "
    "compression off there, or in the proxy before it.": (
        "Le serveur de modèles à {url} a envoyé une réponse compressée, qui n'était pas demandée et n'est "
        "pas lue. Désactivez la compression sur ce serveur, ou sur le proxy placé devant lui."
    ),
    "The model server at {url} sent more than {most} bytes where an answer needs far fewer, so no more was "
    "read. Ask again; if it stays so, its log says why, or correct DOCENT_MODEL_URL.": (
        "Le serveur de modèles à {url} a envoyé plus de {most} octets là où une réponse en demande bien "
        "moins ; la suite n'a pas été lue. Reposez la question ; si cela se répète, son journal dit "
        "pourquoi, ou corrigez DOCENT_MODEL_URL."
    ),
    "{model} wrote far more than the {n} tokens that it was asked for, and was stopped. Ask again; if it "
    "stays so, its server does not keep to the length asked for.": (
        "{model} a écrit bien plus que les {n} jetons demandés, et a été arrêté. Reposez la question ; si "
        "cela se répète, son serveur ne respecte pas la longueur demandée."
    ),
    "{model} was still answering after {seconds} s, and was stopped. Ask for a shorter answer, or choose a "
    "smaller model.": (
        "{model} répondait encore après {seconds} s, et a été arrêté. Demandez une réponse plus courte, ou "
        "choisissez un modèle plus petit."
    ),
    # an embedding model on a server
    "{url} returned no vectors for {name}. It may not be an embedding model: choose one, for example "
    "DOCENT_EMBEDDING_MODEL=ollama:nomic-embed-text": (
        "{url} n'a pas rendu de vecteurs pour {name}. Ce n'est peut-être pas un modèle d'embedding : "
        "choisissez-en un, par exemple DOCENT_EMBEDDING_MODEL=ollama:nomic-embed-text"
    ),
    "The embedding model {name} did not answer at {url} ({why}). Start it with: ollama serve": (
        "Le modèle d'embedding {name} n'a pas répondu à {url} ({why}). Démarrez-le : ollama serve"
    ),
    "The server at {url} does not have {name}. Run: ollama pull {model}": (
        "Le serveur {url} n'a pas {name}. Lancez : ollama pull {model}"
    ),
    "The embedding model {name} refused ({status}): {said} Lower DOCENT_CHUNK_TOKENS if a text was too long, "
    "and run: python ingest.py --rebuild": (
        "Le modèle d'embedding {name} a refusé ({status}) : {said} Diminuez DOCENT_CHUNK_TOKENS si un texte "
        "était trop long, puis lancez : python ingest.py --rebuild"
    ),
}
"""As they are said there."""
