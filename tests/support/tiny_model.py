"""Sentence-transformers models of their own: random, tiny, with all that real ones have."""

from pathlib import Path

from app.embeddings.model import DEFAULT_MODEL, local_folder

PROMPTS = {"query": "Find what answers: ", "document": ""}


def save_tiny_model(folder: Path, pooling: str) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(7)
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(local_folder(DEFAULT_MODEL))).save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=32)
    made = SentenceTransformer(
        modules=[transformer, Pooling(16, pooling_mode=pooling)], prompts=PROMPTS, device="cpu"
    )
    made.save(str(folder))
    return folder


def save_tiny_cross_encoder(folder: Path, labels: int = 1) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(7)
    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,  # so that scores lie apart
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(local_folder(DEFAULT_MODEL))).save_pretrained(folder)
    return folder
