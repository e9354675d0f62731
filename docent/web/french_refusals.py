"""What the store, the search, a link and an embedding model on a server refuse, in French."""

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
